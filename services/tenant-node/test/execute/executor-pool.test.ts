import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, it } from 'node:test';
import { silentLogger, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import { ExecutorPool, spareAfterMs, spareIdleMs } from '../../src/execute/executor-pool.ts';

const folder = createTemporaryFolder('executor-pool');
after(() => folder[Symbol.dispose]());

it('a pool of executors has a spare while statements come, and one child alone when none does', async () => {
  const clock = new FakeClock();
  const never = new AbortController().signal;
  const pool = new ExecutorPool({
    session: { memoryLimit: '128MB', threads: 1 },
    disk: systemDisk,
    filesFolder: folder.path,
    newSecret: () => randomBytes(16).toString('hex'),
    dataKibMax: 2_000_000,
    clock,
    logger: silentLogger,
  });
  try {
    await clock.advance(spareIdleMs);
    assert.equal(pool.size, 1);
    const first = await pool.acquire(never);
    assert.equal(pool.size, 1);
    await clock.advance(spareAfterMs);
    assert.equal(pool.size, 2);
    await clock.advance(spareIdleMs - 1);
    assert.equal(await pool.acquire(never), first);
    await clock.advance(spareIdleMs - 1);
    assert.equal(pool.size, 2);
    await clock.advance(1);
    assert.equal(pool.size, 1);
    assert.equal(await pool.acquire(never), first);
    await clock.advance(spareAfterMs);
    assert.equal(pool.size, 2);
  } finally {
    await pool.close();
  }
});
