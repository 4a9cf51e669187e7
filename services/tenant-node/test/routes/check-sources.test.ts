import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CheckLine } from '@hybridstore/contracts';
import { systemClock } from '@hybridstore/runtime';
import { SourceChecks } from '../../src/domain/source-checks.ts';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

const manager = (...sources: string[]) => [{ sources, actions: ['manage' as const] }];

describe('a check of a running node', () => {
  let node: NodeUnderTest;

  before(async () => {
    node = await createNodeUnderTest();
    for (const source_id of ['bad', 'good', 'hidden']) {
      await node.engine.putSource({ source_id, columns: [{ name: 'n', type: 'bigint' }] });
      await node.engine.append({ sourceId: source_id, records: [{ fields: { n: 1 } }, { fields: { n: 2 } }] });
      await node.engine.flush(source_id);
    }
  });
  after(() => node.close());

  const check = (permissions = manager('*')) =>
    node.server.app.inject({
      method: 'POST',
      url: '/admin/check',
      headers: { authorization: `Bearer ${node.issuer.userToken(tenant, permissions)}` },
    });
  const linesOf = (body: string): CheckLine[] =>
    body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('names the damaged file with its rows, and no source that the caller does not manage', async () => {
    const { location } = await node.engine.snapshot('bad');
    const [name = ''] = readdirSync(join(node.folder, 'data', location)).filter((found) => found.endsWith('.parquet'));
    const path = join(node.folder, 'data', location, name);
    const whole = readFileSync(path);
    const damaged = Buffer.from(whole);
    damaged[whole.length >> 1]! ^= 1;
    writeFileSync(path, damaged);

    const answer = await check(manager('bad', 'good'));
    assert.equal(answer.statusCode, 200);
    const [bad, good, done] = linesOf(answer.body) as [
      Extract<CheckLine, { checked: unknown }>,
      Extract<CheckLine, { checked: unknown }>,
      CheckLine,
    ];
    assert.deepEqual([bad.checked.source_id, bad.checked.location, bad.checked.readable], ['bad', location, true]);
    assert.deepEqual(
      bad.checked.problems.map(({ kind, name: file, rows }) => [kind, file, rows]),
      [['segment', name, 2]],
    );
    assert.deepEqual([good.checked.source_id, good.checked.problems], ['good', []]);
    assert.deepEqual(done, { done: { node: 'acme-0', sources: 2, damaged: 1 } });
    assert.ok(!answer.body.includes('hidden') && !answer.body.includes(node.folder));
    assert.deepEqual((await node.engine.stats('bad')).damaged, [name]);

    writeFileSync(path, whole);
    assert.deepEqual(linesOf((await check()).body).at(-1), { done: { node: 'acme-0', sources: 3, damaged: 0 } });
    assert.equal((await node.engine.stats('bad')).damaged?.length ?? 0, 0);
  });

  it('is refused to who manages nothing', async () => {
    const answer = await check([{ sources: ['*'], actions: ['read' as never] }]);
    assert.equal(answer.statusCode, 403);
  });
});

describe('one check at a time', () => {
  /** An engine whose look at a source ends when the test says so, or when nobody waits for it. */
  function createEngine() {
    const looks: { sourceId: string; read: (bytes: number) => void; end: () => void; isStopped: () => boolean }[] = [];
    const check: ConstructorParameters<typeof SourceChecks>[0]['check'] = (sourceId, onlooker) =>
      new Promise((resolve, reject) => {
        const signal = onlooker!.signal;
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        looks.push({
          sourceId,
          read: onlooker!.onRead,
          end: () =>
            resolve({
              sourceId,
              location: 't',
              problems: [],
              isReadable: true,
              objects: 1,
              bytes: 1,
              filesWithoutChecksum: 0,
            }),
          isStopped: () => signal.aborted,
        });
      });
    return { looks, checks: new SourceChecks({ check }, 'acme-0') };
  }
  const never = new AbortController().signal;

  it('a second is a conflict that names the node; after the first one there may be another', async () => {
    const { looks, checks } = createEngine();
    const lines = checks.start(['a'], never);
    const first = lines.next();
    assert.throws(() => checks.start(['a'], never), {
      code: 'conflict',
      message: /^node acme-0 is being checked already/,
    });
    looks[0]!.read(64 * 1024 * 1024);
    assert.deepEqual((await first).value, { progress: { source_id: 'a', bytes: 64 * 1024 * 1024 } });
    const second = lines.next();
    looks[0]!.end();
    assert.equal('checked' in (await second).value!, true);
    assert.deepEqual((await lines.next()).value, { done: { node: 'acme-0', sources: 1, damaged: 0 } });
    assert.equal((await lines.next()).done, true);
    checks.start([], never);
  });

  it('ends with its reader, in the middle and before the first line', async () => {
    const { looks, checks } = createEngine();
    const lines = checks.start(['a', 'b'], never);
    const first = lines.next();
    looks[0]!.read(64 * 1024 * 1024);
    await first;
    await lines.return(undefined);
    assert.deepEqual([looks.length, looks[0]!.isStopped()], [1, true]);

    const client = new AbortController();
    checks.start(['a'], client.signal);
    client.abort();
    assert.equal(looks.length, 1);
    checks.start(['a'], never);
  });
});

it('a client that goes away leaves the node free for the next', async () => {
  const node = await createNodeUnderTest();
  try {
    await node.engine.putSource({ source_id: 'one', columns: [{ name: 'n', type: 'bigint' }] });
    await node.server.app.listen({ host: '127.0.0.1', port: 0 });
    // A listening TCP server has an address of this form.
    const { port } = node.server.app.server.address() as AddressInfo;
    const headers = { authorization: `Bearer ${node.issuer.userToken(tenant, manager('*'))}` };
    const ask = () =>
      new Promise<number>((resolve, reject) => {
        const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/admin/check', headers }, (answer) => {
          resolve(answer.statusCode ?? 0);
          answer.destroy();
        });
        sent.once('error', reject);
        sent.end();
      });
    assert.equal(await ask(), 200);
    let status = await ask();
    while (status === 409) {
      await systemClock.sleep(5);
      status = await ask();
    }
    assert.equal(status, 200);
  } finally {
    await node.close();
  }
});
