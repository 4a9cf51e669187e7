import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CheckLine } from '@hybridstore/contracts';
import { systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { type Answer, type TestNode, TestTenant, tenant } from './node-process.ts';

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
    // What reaches it behind the fence another node takes.
    const acknowledged = [...(await Promise.all(writes)), await tryWrite(third, 9_999)].filter(
      (id) => id !== undefined,
    );
    assert.equal(acknowledged.at(-1), 9_999);
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

  it('end in order on SIGTERM, and are not missed', async () => {
    await write(second, [1]);
    const before = await countAndSum(first);
    assert.equal(await second.stop(), 0);
    assert.deepEqual(await countAndSum(first), before);
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

const counting = {
  source_id: 'events',
  aggregations: [
    { function: 'count', field: '*' },
    { function: 'count_distinct', field: 'id' },
  ],
};

describe('a planned restart of one of two nodes', () => {
  let all = 0;
  const folder = createTemporaryFolder('restart');
  const acme = new TestTenant(folder.path, 5);
  const nodes = [acme.node(0), acme.node(1)] as const;

  before(async () => {
    for (const node of nodes) node.start();
    for (const node of nodes) await node.ready();
    const columns = [
      { name: 'id', type: 'bigint' },
      { name: 'text', type: 'string' },
    ];
    const added = await nodes[0].call('POST', '/sources/add', { body: { source_id: 'events', columns } });
    assert.equal(added.status, 201, added.text);
  });
  after(async () => {
    for (const node of nodes) await node.close();
    folder[Symbol.dispose]();
  });

  for (const [leaving, staying] of [
    [nodes[1], nodes[0]],
    [nodes[0], nodes[1]],
  ] as const)
    it(`fails no write and no strict read of the other: ${leaving.url} goes`, async () => {
      let isOver = false;
      const acknowledged: number[] = [];
      const keyed: number[] = [];
      const failures: string[] = [];
      let next = leaving === nodes[1] ? 0 : 1_000_000;
      const writing = async (isKeyed: boolean) => {
        while (!isOver) {
          next += 1;
          const id = next;
          const answer = await append(staying, id, isKeyed);
          if (answer.status === 200) acknowledged.push(id);
          if (answer.status === 200 && isKeyed) keyed.push(id);
          if (answer.status !== 200) failures.push(`write: ${answer.text}`);
        }
      };
      const reading = async () => {
        while (!isOver) {
          const atLeast = acknowledged.length;
          const answer = await staying.call('POST', '/data/aggregate', { body: counting });
          const total = Number((answer.body as { rows?: unknown[][] } | undefined)?.rows?.[0]?.[0] ?? -1);
          if (answer.status !== 200 || total < atLeast) failures.push(`read: ${atLeast} ${answer.text}`);
        }
      };
      const load = Promise.all([writing(true), writing(true), writing(false), reading()]);
      try {
        assert.equal(await leaving.stop(), 0);
        leaving.start();
        await leaving.ready();
      } finally {
        isOver = true;
      }
      await load;
      assert.deepEqual(failures, []);
      assert.ok(acknowledged.length > 0);
      // Each once, on both, whichever owns an id now; repeated ones are known.
      for (const node of nodes)
        for (const id of keyed.slice(0, 50)) {
          const answer = await append(node, id, true);
          assert.equal((answer.body as { duplicate?: boolean }).duplicate, true, answer.text);
        }
      all += acknowledged.length;
      for (const node of nodes) {
        const answer = await node.call('POST', '/data/aggregate', { body: counting });
        assert.equal(answer.status, 200, answer.text);
        const [row] = (answer.body as { rows: unknown[][] }).rows;
        assert.deepEqual(row, [all, all]);
      }
    });
});

describe('a node beside a member that is away', () => {
  const folder = createTemporaryFolder('away');
  const acme = new TestTenant(folder.path, 6);
  const [first, second, third] = [acme.node(0), acme.node(1), acme.node(2)];
  const token = acme.issuer.serviceToken('operator', tenant);
  const giveUp = (node: TestNode, body: object) =>
    node.call('POST', '/internal/members/give-up', { token, body: { pod: 'acme-1', ...body } });
  const writeKeyed = (node: TestNode, id: number) => append(node, id, true);

  before(async () => {
    for (const node of [first, second]) node.start();
    for (const node of [first, second]) await node.ready();
    const columns = [
      { name: 'id', type: 'bigint' },
      { name: 'text', type: 'string' },
    ];
    await first.call('POST', '/sources/add', { body: { source_id: 'events', columns } });
    await write(second, [1]);
    await second.kill();
  });
  after(async () => {
    for (const node of [first, second, third]) await node.close();
    folder[Symbol.dispose]();
  });

  it('starts anew, whether it ended in order or not, and serves what it can', async () => {
    for (const end of [() => first.kill(), () => first.stop()]) {
      await end();
      first.start();
      await first.ready();
      await write(first, [2]);
      const body = { source_id: 'events', limit: 0, consistency: 'committed' };
      assert.equal((await first.call('POST', '/data/search', { body })).status, 200);
    }
  });

  it('says which member is away and since when, to strict reads and to batches with its ids', async () => {
    const reads = [
      ['/data/search', { source_id: 'events', limit: 0 }],
      ['/data/search/stream', { source_id: 'events' }],
      ['/data/aggregate', { source_id: 'events', aggregations: [{ function: 'count', field: '*' }] }],
    ] as const;
    for (const [path, body] of reads) {
      const strict = await first.call('POST', path, { body });
      assert.equal(strict.status, 503, `${path}: ${strict.text}`);
      assert.match(strict.text, /"member":"acme-1".*"away_since":"20\d\d-/, path);
    }
    const answers = await Promise.all(Array.from({ length: 40 }, (_, id) => writeKeyed(first, 100 + id)));
    const refused = answers.filter(({ status }) => status !== 200);
    assert.ok(refused.length > 5 && refused.length < 35, `${refused.length} refused`);
    for (const { status, text } of refused) {
      assert.equal(status, 503);
      assert.match(
        text,
        /whether batch batch-\d+ was applied before is known to acme-1 alone: .*or have the member given up/,
      );
      assert.match(text, /"retry_after_ms":1000/);
    }
  });

  it('lists it', async () => {
    const { body, text } = await first.call('GET', '/tenant/members');
    const { members, joined } = body as {
      joined: boolean;
      members: { pod: string; state: string; away_since: string | null }[];
    };
    assert.deepEqual(
      [joined, members.map(({ pod, state, away_since: since }) => [pod, state, since === null])],
      [
        true,
        [
          ['acme-0', 'active', true],
          ['acme-1', 'active', false],
        ],
      ],
      text,
    );
  });

  it('does not let a newcomer join, nor get in anybody’s way', async () => {
    third.start();
    await third.listening();
    assert.match((await third.call('GET', '/ready')).text, /joining/);
    // Taken by the member that may, as soon as it has answered.
    let isTaken = false;
    for (let look = 0; look < 1_000 && !isTaken; look += 1) isTaken = (await tryWrite(third, 3)) === 3;
    assert.ok(isTaken);
    assert.equal((await first.call('GET', '/tenant/members')).text.includes('acme-2'), false);
    await third.kill();
  });

  it('gives it up where an administrator wants it: with the number of rows that may be lost, and not while it answers', async () => {
    const asked = await giveUp(first, {});
    const { given_up: isGivenUp, rows } = asked.body as { given_up: boolean; rows: number };
    assert.deepEqual([asked.status, isGivenUp, rows > 0], [200, false, true], asked.text);
    assert.equal((await giveUp(first, { rows: rows + 1 })).status, 409);
    assert.equal((await giveUp(first, { pod: 'acme-9' })).status, 404);
    assert.equal((await giveUp(first, { pod: 'acme-0' })).status, 409);
    const given = await giveUp(first, { rows });
    assert.equal((given.body as { given_up: boolean }).given_up, true, given.text);
    for (let id = 200; id < 220; id += 1) assert.equal((await writeKeyed(first, id)).status, 200);
    const strict = await first.call('POST', '/data/search', { body: { source_id: 'events', limit: 0 } });
    assert.equal(strict.status, 200, strict.text);
  });

  it('takes it in again when it comes back, with the rows of its log', async () => {
    const before = (await countAndSum(first)) as [number, number];
    second.start();
    await second.ready();
    assert.deepEqual(await countAndSum(first), [before[0] + 1, before[1] + 1]);
    assert.deepEqual(await countAndSum(second), [before[0] + 1, before[1] + 1]);
    const refused = await giveUp(first, {});
    assert.equal(refused.status, 409, refused.text);
    assert.match(refused.text, /member acme-1 answers/);
  });
});

describe('a reader that allows an answer to be behind', () => {
  const folder = createTemporaryFolder('bounded');
  const acme = new TestTenant(folder.path, 8);
  const [first, second] = [acme.node(0), acme.node(1)];
  /** Rows are in a table when the test says so. */
  const byHand = { FLUSH_INTERVAL_MS: '3600000' };
  const restart = async (node: TestNode) => {
    await node.kill();
    node.start(byHand);
    await node.ready();
  };
  const ask = (consistency: string) =>
    first.call('POST', '/data/search', { body: { source_id: 'events', order_by: [{ field: 'id' }], consistency } });
  const idsOf = ({ body, text }: Answer) => {
    const { records } = body as { records?: { fields: { id: number } }[] };
    return records?.map(({ fields }) => fields.id) ?? text;
  };

  before(async () => {
    for (const node of [first, second]) node.start(byHand);
    for (const node of [first, second]) await node.ready();
    await first.call('POST', '/sources/add', {
      body: { source_id: 'events', columns: [{ name: 'id', type: 'bigint' }] },
    });
  });
  after(async () => {
    for (const node of [first, second]) await node.close();
    folder[Symbol.dispose]();
  });

  it('sees nothing special while all nodes answer', async () => {
    await tryWrite(second, 1);
    await tryWrite(first, 2);
    const { body, text, status } = await ask('bounded(60000)');
    const { stats } = body as { stats: { consistency: string; stale_ms?: number; warnings: unknown[] } };
    assert.deepEqual(
      [status, stats.consistency, stats.stale_ms, stats.warnings],
      [200, 'bounded(60000)', undefined, []],
      text,
    );
  });

  it('sees the rows of a node that has gone, as they were known, and how far the answer may be behind', async () => {
    assert.deepEqual(idsOf(await ask('strict')), [1, 2]);
    await second.kill();
    const strict = await ask('strict');
    assert.deepEqual([strict.status, strict.retryAfter], [503, '1'], strict.text);
    assert.deepEqual(idsOf(await ask('committed')), []);
    const bounded = await ask('bounded(60000)');
    assert.deepEqual(idsOf(bounded), [1, 2]);
    const { stats } = bounded.body as { stats: { stale_ms: number; warnings: { code: string; message: string }[] } };
    assert.ok(stats.stale_ms > 1 && stats.stale_ms < 60_000, bounded.text);
    assert.deepEqual(
      stats.warnings.map(({ code }) => code),
      ['answered_without_node'],
    );
    assert.match(
      stats.warnings[0]?.message ?? '',
      new RegExp(
        `^member acme-1 is away since 20\\d\\d-.*Z; rows that it acknowledged less than ${stats.stale_ms} ms before`,
      ),
    );
    const aggregations = [{ function: 'count', field: '*' }];
    const body = { source_id: 'events', aggregations, consistency: 'bounded(60000)' };
    const counted = await first.call('POST', '/data/aggregate', { body });
    assert.deepEqual((counted.body as { rows?: unknown }).rows, [[2]], counted.text);
  });

  it('is refused with the node, since when it is away and when to ask again, where the answer may be too old', async () => {
    const { status, retryAfter, body, text } = await ask('bounded(1)');
    const { details, message } = (body as { error: { details: Record<string, unknown>; message: string } }).error;
    assert.deepEqual([status, retryAfter, details['member']], [503, '1', 'acme-1'], text);
    assert.match(String(details['away_since']), /^20\d\d-/);
    assert.ok(Number(details['stale_ms']) > 1, text);
    assert.match(message, /member acme-1 .*; without it the answer would be \d+ ms behind, 1 are allowed$/);
  });

  it('is refused by a node that knows nothing of the other', async () => {
    await restart(first);
    const refused = await ask('bounded(3600000)');
    assert.deepEqual([refused.status, refused.retryAfter], [503, '1'], refused.text);
    assert.match(refused.text, /how far the answer would be behind without it is not known/);
  });

  it('needs nobody to have asked before the node went, where its rows are in the table', async () => {
    await restart(second);
    for (const node of [first, second])
      await node.call('POST', '/internal/tables/events/flush', { token: acme.issuer.serviceToken('operator', tenant) });
    await restart(first);
    await untilLookedAt(first, 'acme-1');
    await second.kill();
    assert.deepEqual(idsOf(await ask('bounded(60000)')), [1, 2]);
    assert.equal((await ask('strict')).status, 503);
  });
});

/** Until a node has looked at another one, as it does every few seconds. */
async function untilLookedAt(node: TestNode, pod: string): Promise<void> {
  type Seen = { readonly members: readonly { readonly pod: string; readonly unflushed_rows_at: string | null }[] };
  for (const endMs = performance.now() + 30_000; performance.now() < endMs; ) {
    const { body, text } = await node.call('GET', '/tenant/members');
    assert.ok(body, text);
    if ((body as Seen).members.some((member) => member.pod === pod && member.unflushed_rows_at !== null)) return;
    await systemClock.sleep(50);
  }
  assert.fail(`${pod} was never looked at`);
}

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

  type Drained = { readonly state: string; readonly error?: string };

  async function drain(body: object): Promise<Drained> {
    return (await second.call('POST', '/internal/drain', { token, body })).body as Drained;
  }

  /** As the operator does: again and again, up to a bound. */
  async function drainUntil(state: string, body: object): Promise<void> {
    const seen: Drained[] = [];
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

function append(node: TestNode, id: number, isKeyed: boolean): Promise<Answer> {
  const body = { source_id: 'events', records: [{ fields: { id } }] };
  return node.call('POST', '/data/write', { body, headers: isKeyed ? { 'idempotency-key': `batch-${id}` } : {} });
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
