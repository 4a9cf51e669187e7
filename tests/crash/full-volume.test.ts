import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder, reportDamage } from '@hybridstore/test-kit';
import { type Answer, type TestNode, TestTenant } from '../../services/tenant-node/test/node/node-process.ts';

/** Real volumes that are really full, below a real node: small file systems in memory, which only root may mount. */
class SmallVolume {
  readonly path: string;
  readonly #filler: string;

  constructor(path: string, size: string) {
    this.path = path;
    this.#filler = join(path, 'filler');
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  }

  /** Not a byte is left. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.path);
    writeFileSync(this.#filler, Buffer.alloc(bavail * bsize));
    assert.equal(statfsSync(this.path).bavail, 0);
  }

  makeRoom(): void {
    rmSync(this.#filler);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', [this.path]);
  }
}

const callsMax = 5_000;
const pollMs = 20;
const rowBytes = 1_000;

let rows = 0;

/** A batch of its own id; its rows count once it is acknowledged. */
async function write(node: TestNode, count = 10): Promise<Answer> {
  const from = rows;
  const records = Array.from({ length: count }, (_, row) => ({
    fields: { id: from + row, text: String(from + row).padEnd(rowBytes, 'x') },
  }));
  const answer = await node.call('POST', '/data/write', { body: { source_id: 'events', records } });
  if (answer.status === 200) rows += count;
  return answer;
}

/** Calls until an answer is what is waited for; what it was. */
async function until(call: () => Promise<Answer>, isWanted: (answer: Answer) => boolean): Promise<Answer> {
  let answer = await call();
  for (let calls = 1; !isWanted(answer); calls += 1) {
    assert.ok(calls < callsMax, `after ${calls} calls: ${answer.status} ${answer.text}`);
    await systemClock.sleep(pollMs);
    answer = await call();
  }
  return answer;
}

async function requireRows(node: TestNode): Promise<void> {
  const search = { source_id: 'events', columns: ['id'], limit: 1_000_000 };
  const { status, body, text } = await node.call('POST', '/data/search', { body: search });
  assert.equal(status, 200, text);
  const { records } = body as { readonly records: readonly { readonly fields: { readonly id: number } }[] };
  assert.deepEqual(
    records.map(({ fields }) => fields.id).sort((one, other) => one - other),
    Array.from({ length: rows }, (_, id) => id),
  );
}

async function begin(node: TestNode, settings: Readonly<Record<string, string>>): Promise<void> {
  rows = 0;
  node.start(settings);
  await node.ready();
  const columns = [
    { name: 'id', type: 'bigint' },
    { name: 'text', type: 'string' },
  ];
  const added = await node.call('POST', '/sources/add', { body: { source_id: 'events', columns } });
  assert.equal(added.status, 201, added.text);
}

describe('a volume that is full', () => {
  it('of data: storage_full, with the reason in /ready, no row lost, and well again by itself when there is room', async (context) => {
    using folder = createTemporaryFolder('full');
    using volume = new SmallVolume(join(folder.path, 'data'), '4m');
    const node = new TestTenant(folder.path, 71).node(0);
    const settings = { FLUSH_INTERVAL_MS: '100', FLUSH_BYTES: '65536', UNFLUSHED_BYTES_MAX: '262144' };
    try {
      await begin(node, settings);
      assert.equal((await write(node)).status, 200);
      volume.fill();
      const refused = await until(
        () => write(node),
        ({ status }) => status !== 200,
      );
      assert.deepEqual(
        [refused.status, (refused.body as { error: { code: string } }).error.code],
        [507, 'storage_full'],
      );
      assert.ok(!refused.text.includes(folder.path));
      const ready = await until(
        () => node.call('GET', '/ready'),
        ({ text }) => text.includes('FlushFailing'),
      );
      assert.deepEqual([ready.status, ready.text.includes('storage_full')], [200, true]);
      await requireRows(node);
      volume.makeRoom();
      await until(
        () => write(node),
        ({ status }) => status === 200,
      );
      await until(
        () => node.call('GET', '/ready'),
        ({ text }) => !text.includes('FlushFailing'),
      );
      await requireRows(node);
      await node.kill();
      node.start(settings);
      await node.ready();
      await requireRows(node);
      reportDamage(context, [{ file: 'data volume', damage: 'full volume', right: 1, refused: 0, wrong: 0 }]);
    } finally {
      await node.close();
    }
  });

  it('of the log, smaller than a segment: takes many times its size in rows, and keeps them', async (context) => {
    using folder = createTemporaryFolder('full');
    using _volume = new SmallVolume(join(folder.path, 'log-0'), '1m');
    const node = new TestTenant(folder.path, 72).node(0);
    const settings = { FLUSH_INTERVAL_MS: '50', FLUSH_BYTES: '65536' };
    try {
      await begin(node, settings);
      while (rows < 8_000) await until(() => write(node, 50), isAcknowledged);
      await requireRows(node);
      await node.kill();
      node.start(settings);
      await node.ready();
      await requireRows(node);
      await until(() => write(node, 50), isAcknowledged);
      reportDamage(context, [{ file: 'log volume', damage: 'full volume', right: 1, refused: 0, wrong: 0 }]);
    } finally {
      await node.close();
    }
  });
});

/** While the log has no room a client is asked to come again; nothing else may be said to it. */
function isAcknowledged({ status, text }: Answer): boolean {
  assert.ok([200, 429, 507].includes(status), text);
  return status === 200;
}
