import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CheckLine } from '@hybridstore/contracts';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { type TestNode, TestTenant, tenant } from './node-process.ts';

describe('nodes of a tenant', () => {
  const folder = createTemporaryFolder('nodes');
  const acme = new TestTenant(folder.path, 1);
  const [first, second, third] = [acme.node(0), acme.node(1), acme.node(2)];

  before(async () => {
    for (const node of [first, second]) node.start();
    for (const node of [first, second]) await node.ready();
    const definition = {
      source_id: 'events',
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'text', type: 'string' },
      ],
    };
    const added = await first.call('POST', '/sources/add', { body: definition });
    assert.equal(added.status, 201, added.text);
  });
  after(async () => {
    for (const node of [first, second, third]) await node.close();
    folder[Symbol.dispose]();
  });

  it('show a row that one of them acknowledged in the next query on the other', async () => {
    for (let id = 1; id <= 20; id += 1) {
      const [writer, reader] = id % 2 === 0 ? [first, second] : [second, first];
      await write(writer, [id]);
      assert.deepEqual(await countAndSum(reader), [id, (id * (id + 1)) / 2]);
    }
  });

  it('count a row once before, while and after it is committed', async () => {
    const flushed = await second.call('POST', '/internal/tables/events/flush', {
      token: acme.issuer.serviceToken('operator', tenant),
    });
    assert.equal(flushed.status, 200, flushed.text);
    assert.deepEqual(await countAndSum(first), [20, 210]);
    await write(first, [1_000]);
    assert.deepEqual(await countAndSum(second), [21, 1_210]);
  });

  it('announce a newcomer to each other before it takes its first row', async () => {
    third.start();
    await third.ready();
    await write(third, [2_000]);
    assert.deepEqual(await countAndSum(first), [22, 3_210]);
    assert.deepEqual(await countAndSum(second), [22, 3_210]);
  });

  it('read their logs for each other, and name what is damaged and who is away', async () => {
    const check = async () => {
      const { text } = await first.call('POST', '/admin/check');
      return text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as CheckLine);
    };
    const logsIn = (lines: readonly CheckLine[]) =>
      lines.flatMap((line) => ('log' in line ? [[line.log.node, line.log.problems.map(({ name }) => name)]] : []));
    const whole = await check();
    assert.deepEqual(logsIn(whole), [
      ['acme-0', []],
      ['acme-1', []],
      ['acme-2', []],
    ]);
    assert.deepEqual(whole.at(-1), { done: { node: 'acme-0', sources: 1, logs: 3, damaged: 0 } });

    const path = join(folder.path, 'log-1', 'head');
    const bytes = readFileSync(path);
    const damaged = Buffer.from(bytes);
    damaged[30]! ^= 1;
    writeFileSync(path, damaged);
    await third.kill();
    const lines = await check();
    writeFileSync(path, bytes);
    assert.deepEqual(logsIn(lines), [
      ['acme-0', []],
      ['acme-1', ['head']],
    ]);
    const unchecked = lines.flatMap((line) => ('unchecked' in line ? [line.unchecked] : []));
    assert.deepEqual(
      unchecked.map(({ log, code }) => [log, code]),
      [['acme-2', 'unavailable']],
    );
    third.start();
    await third.ready();
  });

  it('answer 503 to strict reads while a member is away, and committed reads without it', async () => {
    await third.kill();
    const search = { source_id: 'events', limit: 0 };
    const strict = await first.call('POST', '/data/search', { body: search });
    assert.equal(strict.status, 503, strict.text);
    assert.match(strict.text, /acme-2/);
    const committed = await first.call('POST', '/data/search', { body: { ...search, consistency: 'committed' } });
    assert.equal(committed.status, 200, committed.text);
    third.start();
    await third.ready();
    assert.deepEqual(await countAndSum(first), [22, 3_210]);
  });

  it('lose no row when one of them drains and goes', async () => {
    const token = acme.issuer.serviceToken('operator', tenant);
    const drain = async () =>
      (await third.call('POST', '/internal/drain', { token, body: {} })).body as { state: string };
    const writes = Array.from({ length: 10 }, (_, index) => tryWrite(third, 3_000 + index));
    let { state } = await drain();
    while (state !== 'drained') ({ state } = await drain());
    const acknowledged = (await Promise.all(writes)).filter((id) => id !== undefined);
    assert.equal(await tryWrite(third, 9_999), undefined);
    const expected = [22 + acknowledged.length, 3_210 + acknowledged.reduce((sum, id) => sum + id, 0)];
    assert.deepEqual(await countAndSum(first), expected);
    await third.kill();
    assert.deepEqual(await countAndSum(first), expected);
    assert.deepEqual(await countAndSum(second), expected);
  });

  it('take a drained member in again when it starts', async () => {
    const before = (await countAndSum(first)) as [number, number];
    third.start();
    await third.ready();
    await write(third, [1]);
    assert.deepEqual(await countAndSum(first), [before[0] + 1, before[1] + 1]);
    assert.deepEqual(await countAndSum(third), [before[0] + 1, before[1] + 1]);
  });

  it('report the CPU time of all their processes', async () => {
    const { text } = await first.call('GET', '/metrics');
    const seconds = /^hybridstore_node_cpu_seconds_total\{service="tenant-node"\} ([\d.]+)$/m.exec(text)?.[1];
    assert.ok(Number(seconds) > 0, text.slice(0, 500));
    assert.match(text, /^hybridstore_node_memory_bytes\{service="tenant-node"\} \d{8,}$/m);
  });

  it('end in order on SIGTERM, without a flush', async () => {
    const before = await countAndSum(first);
    assert.equal(await second.stop(), 0);
    second.start();
    await second.ready();
    assert.deepEqual(await countAndSum(second), before);
  });

  it('say at the start which variable is wrong', async () => {
    const wrong = acme.node(3);
    wrong.start({ TENANT_ID: 'acme' });
    assert.equal(await wrong.exited(), 1);
    assert.match(wrong.output, /tenant-node cannot start: TENANT_ID: expected namespace\/name, found acme/);
  });
});

describe('a node beside a member that is stopped', () => {
  const folder = createTemporaryFolder('stopped');
  const acme = new TestTenant(folder.path, 4);
  const [first, second] = [acme.node(0), acme.node(1)];
  const token = acme.issuer.serviceToken('operator', tenant);

  before(async () => {
    for (const node of [first, second]) node.start();
    for (const node of [first, second]) await node.ready();
  });
  after(async () => {
    for (const node of [first, second]) await node.close();
    folder[Symbol.dispose]();
  });

  type Answer = { readonly state: string; readonly error?: string };

  async function drain(body: object): Promise<Answer> {
    return (await second.call('POST', '/internal/drain', { token, body })).body as Answer;
  }

  /** As the operator does: again and again, up to a bound. */
  async function drainUntil(state: string, body: object): Promise<void> {
    const seen: Answer[] = [];
    for (let count = 0; count < 1_000; count += 1) {
      seen.push(await drain(body));
      if (seen.at(-1)?.state === state) return;
    }
    assert.fail(`never ${state}: ${JSON.stringify(seen.at(-1))}`);
  }

  it('drains, and names that member while it keeps it from coming back', async () => {
    first.pause();
    await drainUntil('drained', {});
    const held = await drain({ cancel: true });
    assert.equal(held.state, 'draining');
    assert.match(held.error ?? '', /^waits to be known to acme-0 \(/);
    first.resume();
    await drainUntil('active', { cancel: true });
    await second.ready();
  });

  it('drains as well when it was started there and is no member yet', async () => {
    first.pause();
    await second.kill();
    second.start();
    await second.listening();
    await drainUntil('drained', {});
    first.resume();
    await drainUntil('active', { cancel: true });
    await second.ready();
  });
});

async function write(node: TestNode, ids: readonly number[]): Promise<void> {
  const records = ids.map((id) => ({ fields: { id, text: `row ${id}` } }));
  const answer = await node.call('POST', '/data/write', { body: { source_id: 'events', records } });
  assert.equal(answer.status, 200, answer.text);
}

async function countAndSum(node: TestNode): Promise<unknown> {
  const aggregations = [
    { function: 'count', field: '*' },
    { function: 'sum', field: 'id' },
  ];
  const answer = await node.call('POST', '/data/aggregate', { body: { source_id: 'events', aggregations } });
  assert.equal(answer.status, 200, answer.text);
  return (answer.body as { rows: unknown[][] }).rows[0];
}

/** The id if it was acknowledged; undefined when the node refused it. */
async function tryWrite(node: TestNode, id: number): Promise<number | undefined> {
  const records = [{ fields: { id } }];
  const answer = await node.call('POST', '/data/write', { body: { source_id: 'events', records } });
  assert.ok([200, 503].includes(answer.status), answer.text);
  return answer.status === 200 ? id : undefined;
}
