import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { silentLogger, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import { createSegmentWriter, writerRestMs } from '../../src/segment/segment-writer.ts';

const folder = createTemporaryFolder('segment-writer');
after(() => folder[Symbol.dispose]());

it('the segment writer has a child while there is work, and none when there was none for long', async () => {
  const clock = new FakeClock();
  const writer = createSegmentWriter({
    disk: systemDisk,
    clock,
    logger: silentLogger,
    spoolFolder: folder.path,
    memoryBytesMax: 64 * 1024 * 1024,
    threads: 1,
    requestMsMax: 240_000,
    niceness: 10,
  });
  const columns = { id: 'BIGINT' };
  const checkpoint = () => writer.checkpoint({ columns, metadata: {} }, Buffer.from('{"id":1}\n'));
  try {
    assert.deepEqual(children(), []);
    assert.equal((await checkpoint()).toString('latin1', 0, 4), 'PAR1');
    const [first, ...others] = children();
    assert.deepEqual(others, []);
    await clock.advance(writerRestMs - 1);
    await checkpoint();
    await clock.advance(writerRestMs - 1);
    assert.deepEqual(children(), [first]);
    await clock.advance(1);
    // Answered by another one, also while the first is on its way out.
    assert.equal((await checkpoint()).toString('latin1', 0, 4), 'PAR1');
    assert.ok(children().some((pid) => pid !== first));
  } finally {
    await writer.close();
  }
  assert.deepEqual(children(), []);
});

function children(): readonly string[] {
  const text = readFileSync(join('/proc/self/task', String(process.pid), 'children'), 'utf8').trim();
  return text === '' ? [] : text.split(/\s+/);
}
