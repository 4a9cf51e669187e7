import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CheckLine, LogLine } from '@hybridstore/contracts';
import { HybridStoreError, systemClock } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { NodeChecks } from '../../src/domain/node-checks.ts';
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
    const [bad, good, note, done] = linesOf(answer.body) as [
      Extract<CheckLine, { checked: unknown }>,
      Extract<CheckLine, { checked: unknown }>,
      CheckLine,
      CheckLine,
    ];
    assert.deepEqual([bad.checked.source_id, bad.checked.location, bad.checked.readable], ['bad', location, true]);
    assert.deepEqual(
      bad.checked.problems.map(({ kind, name: file, rows }) => [kind, file, rows]),
      [['segment', name, 2]],
    );
    assert.deepEqual([good.checked.source_id, good.checked.problems], ['good', []]);
    assert.deepEqual(note, {
      note: 'logs were not read: they hold rows of every source, and the token does not give the permission to manage all of them',
    });
    assert.deepEqual(done, { done: { node: 'acme-0', sources: 2, logs: 0, damaged: 1 } });
    assert.ok(!answer.body.includes('hidden') && !answer.body.includes(node.folder));
    assert.deepEqual((await node.engine.stats('bad')).damaged, [name]);

    writeFileSync(path, whole);
    assert.deepEqual(linesOf((await check()).body).at(-1), {
      done: { node: 'acme-0', sources: 3, logs: 1, damaged: 0 },
    });
    assert.equal((await node.engine.stats('bad')).damaged?.length ?? 0, 0);
  });

  it('finds each damaged file of the log, without a path, and nothing once it is whole', async () => {
    const folder = join(node.folder, 'log');
    await node.engine.append({ sourceId: 'good', records: [{ fields: { n: 3 } }] });
    const lines = async () => linesOf((await check()).body);
    const logIn = (found: readonly CheckLine[]) => found.flatMap((line) => ('log' in line ? [line.log] : []));
    const [whole] = logIn(await lines());
    assert.deepEqual([whole?.node, whole?.problems], ['acme-0', []]);
    const names = readdirSync(folder).filter((name) => /\.log$|^head$|^log-id$/.test(name));
    assert.equal(whole?.files, names.length);
    for (const name of names) {
      const bytes = readFileSync(join(folder, name));
      const damaged = Buffer.from(bytes);
      // In the last frame of a segment, the first slot of the head, the id itself.
      damaged[name.endsWith('.log') ? bytes.length - 4 : 20]! ^= 1;
      writeFileSync(join(folder, name), damaged);
      const found = await lines();
      const [log] = logIn(found);
      assert.deepEqual(
        log?.problems.map((problem) => problem.name),
        [name],
      );
      assert.deepEqual(found.at(-1), { done: { node: 'acme-0', sources: 3, logs: 1, damaged: 1 } });
      assert.ok(!JSON.stringify(found).includes(node.folder));
      writeFileSync(join(folder, name), bytes);
    }
    assert.deepEqual(logIn(await lines())[0]?.problems, []);
  });

  it('asks every other member for its log, and names those that did not read theirs', async () => {
    const log = { node: 'acme-1', files: 3, bytes: 9, problems: [] };
    node.members.others = ['acme-1', 'acme-2'].map((pod) => ({ pod, log: 'x', fresh: () => Promise.reject() }));
    node.memberLogs.answers.set('acme-1', () => [{ reading: { log: 'acme-1', bytes: 4, total: 9 } }, { log }]);
    node.memberLogs.answers.set('acme-2', () => {
      throw new HybridStoreError('unavailable', 'member acme-2 did not read its log (away)');
    });
    const found = linesOf((await check()).body);
    assert.deepEqual(found.slice(-4), [
      { reading: { log: 'acme-1', bytes: 4, total: 9 } },
      { log },
      { unchecked: { log: 'acme-2', code: 'unavailable', reason: 'member acme-2 did not read its log (away)' } },
      { done: { node: 'acme-0', sources: 3, logs: 2, damaged: 0 } },
    ]);
    node.members.others = [];
  });

  it('does not begin on a node that may not know all members', async () => {
    node.members.isJoined = false;
    assert.equal((await check()).statusCode, 503);
    assert.equal((await check(manager('good'))).statusCode, 200);
    node.members.isJoined = true;
  });

  it('of its own log alone is for other members, and one at a time with all else', async () => {
    const ask = (token: string) =>
      node.server.app.inject({
        method: 'POST',
        url: '/internal/log/check',
        headers: { authorization: `Bearer ${token}` },
      });
    const answer = await ask(node.issuer.serviceToken('tenant-node', tenant));
    const [line, ...others] = linesOf(answer.body) as unknown as LogLine[];
    assert.ok(line !== undefined && 'log' in line && line.log.node === 'acme-0' && line.log.problems.length === 0);
    assert.deepEqual(others, []);
    assert.equal((await ask(node.issuer.userToken(tenant, manager('*')))).statusCode, 403);
    assert.equal((await ask(node.issuer.serviceToken('operator', tenant))).statusCode, 403);
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
    const check: ConstructorParameters<typeof NodeChecks>[0]['engine']['check'] = (sourceId, onlooker) =>
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
    const clock = new FakeClock();
    const nobody = () => Promise.reject(new Error('no log is asked for'));
    const memberLogs = { check: () => assert.fail('no member is asked') };
    const engine = { check, checkLog: nobody };
    const checks = new NodeChecks({ engine, pod: 'acme-0', memberLogs, clock });
    const start = (sourceIds: readonly string[], signal: AbortSignal) =>
      checks.start({ sourceIds, ownLog: false, members: [], notes: [] }, signal);
    return { looks, clock, checks: { start } };
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
    assert.deepEqual((await lines.next()).value, { done: { node: 'acme-0', sources: 1, logs: 0, damaged: 0 } });
    assert.equal((await lines.next()).done, true);
    checks.start([], never);
  });

  it('says every few seconds how far it has come, however slow the disk is', async () => {
    const { looks, clock, checks } = createEngine();
    const lines = checks.start(['a'], never);
    const first = lines.next();
    looks[0]!.read(5);
    await clock.advance(5_000);
    assert.deepEqual((await first).value, { progress: { source_id: 'a', bytes: 5 } });
    const second = lines.next();
    await clock.advance(5_000);
    assert.deepEqual((await second).value, { progress: { source_id: 'a', bytes: 5 } });
    await lines.return(undefined);
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
