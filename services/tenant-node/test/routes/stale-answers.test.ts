import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, beforeEach, describe, it } from 'node:test';
import type { Permission, QueryStats, SourceDefinition } from '@hybridstore/contracts';
import { createEngine, type Engine } from '@hybridstore/engine';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { parseSql } from '@hybridstore/sql/parsing';
import type { Peer } from '../../src/domain/ports.ts';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

const definition: SourceDefinition = { source_id: 'numbers', columns: [{ name: 'n', type: 'bigint' }] };
type Answer = { readonly rows: readonly (readonly unknown[])[]; readonly stats: QueryStats };

/* Whatever happens between two identical queries, the second answer is right. */
describe('an answer that was kept', () => {
  let node: NodeUnderTest;
  const nodes: NodeUnderTest[] = [];
  const engines: Engine[] = [];

  beforeEach(async () => {
    node = await createNodeUnderTest();
    nodes.push(node);
    await node.engine.putSource(definition);
    await node.engine.append({ sourceId: 'numbers', records: [{ fields: { n: 1 } }] });
    await node.engine.flush('numbers');
    assert.deepEqual((await ask()).rows, [[1, 1]]);
    const again = await ask();
    assert.deepEqual([again.rows, again.stats.result_cached, again.stats.files_read], [[[1, 1]], true, 0]);
  });
  after(async () => {
    for (const engine of engines) await engine.close();
    for (const one of nodes) await one.close();
  });

  it('is not given after new rows, whoever wrote them, fresh or committed', async () => {
    await node.engine.append({ sourceId: 'numbers', records: [{ fields: { n: 2 } }] });
    await expectNew([[2, 3]]);
    const other = await openOther();
    await other.append({ sourceId: 'numbers', records: [{ fields: { n: 3 } }] });
    await other.flush('numbers');
    await expectNew([[3, 6]]);
  });

  it('is not given after a member has come with rows of its own, nor after it has left', async () => {
    const other = await openOther();
    await other.append({ sourceId: 'numbers', records: [{ fields: { n: 5 } }] });
    const peer: Peer = {
      pod: 'acme-1',
      log: other.appId,
      fresh: async (sourceId, afterLsn) => {
        const { frames, ...rest } = other.fresh(sourceId, afterLsn);
        return { ...rest, log: other.appId, unflushedRows: 1, frames: frames.map(({ bytes }) => bytes) };
      },
    };
    node.members.others = [peer];
    await expectNew([[2, 6]]);
    assert.equal((await ask()).stats.result_cached, true);
    await other.append({ sourceId: 'numbers', records: [{ fields: { n: 7 } }] });
    await expectNew([[3, 13]]);
    await other.flush('numbers');
    node.members.others = [];
    await expectNew([[3, 13]]);
  });

  it('is not given after a member does not answer', async () => {
    node.members.others = [
      { pod: 'acme-1', log: 'hybridstore/acme-1/x', fresh: () => Promise.reject(new Error('away')) },
    ];
    assert.notEqual((await send()).statusCode, 200);
  });

  it('is not given to whom a right was taken from', async () => {
    const others: readonly (readonly Permission[])[] = [
      [],
      [{ sources: ['other'], actions: ['read'] }],
      [{ sources: ['numbers'], actions: ['write'] }],
    ];
    for (const permissions of others) {
      const answer = await send(node.issuer.userToken(tenant, permissions));
      assert.equal(answer.statusCode, 403, answer.body);
    }
  });

  it('is not given after a change of the schema', async () => {
    const other = await openOther();
    await other.putSource({ ...definition, columns: [...definition.columns!, { name: 'm', type: 'bigint' }] });
    await expectNew([[1, 1]]);
    const rows = 'SELECT * FROM numbers';
    assert.deepEqual((await ask(rows)).rows, [[1]]);
  });

  it('is not given after the source was dropped, nor after it was made anew', async () => {
    const other = await openOther();
    await other.deleteSource('numbers');
    assert.equal((await send()).statusCode, 404);
    await other.putSource(definition);
    await expectNew([[0, null]]);
  });

  it('is not taken for that of a table that was merged, which is the same', async () => {
    await node.engine.append({ sourceId: 'numbers', records: [{ fields: { n: 2 } }] });
    await node.engine.flush('numbers');
    assert.deepEqual((await ask()).rows, [[2, 3]]);
    const { files } = await node.engine.snapshot('numbers');
    const groups = [{ paths: files.map(({ path }) => path) }];
    await node.engine.compact('numbers', { groups, file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
    await expectNew([[2, 3]]);
  });

  it('is not given to who asks for another run', async () => {
    const { stats } = await ask(undefined, { result_cache: false });
    assert.equal(stats.result_cached, undefined);
  });

  it('is given by search and aggregate as well', async () => {
    const aggregations = [{ function: 'sum', field: 'n', alias: 's' }];
    for (const [url, body] of [
      ['/data/search', { source_id: 'numbers', limit: 3 }],
      ['/data/aggregate', { source_id: 'numbers', aggregations }],
    ] as const) {
      const twice = [await call(url, body), await call(url, body)].map(({ body }) => JSON.parse(body));
      assert.deepEqual(twice[0].records ?? twice[0].rows, twice[1].records ?? twice[1].rows);
      assert.deepEqual(
        twice.map(({ stats }) => stats.result_cached),
        [undefined, true],
      );
      assert.equal(JSON.parse((await call(url, { ...body, result_cache: false })).body).stats.result_cached, undefined);
    }
  });

  it('is one run for many who ask at once', async () => {
    const sql =
      'SELECT count(*), sum(a.i * b.i) FROM generate_series(1, 300) AS a(i), generate_series(1, 300) AS b(i), numbers';
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(sql)));
    for (const { rows } of answers) assert.deepEqual(rows, answers[0]?.rows);
    assert.equal(answers.filter(({ stats }) => stats.result_cached !== true).length, 1);
  });

  it('is waited for in no place, each as long as its own time, and by the others when the first has left', async () => {
    const sql =
      'SELECT count(*), sum(a.i * b.i) FROM generate_series(1, 30000) AS a(i), generate_series(1, 30000) AS b(i), numbers';
    const first = randomUUID().replaceAll('-', '');
    const leads = send(undefined, sql, { query_id: `q-${first}` });
    while (node.executor.running === 0) await new Promise((resolve) => setImmediate(resolve));
    const impatient = send(undefined, sql, { deadline_ms: 300 });
    const others = Array.from({ length: 3 }, () => send(undefined, sql, { deadline_ms: 3_000 }));
    assert.equal((await impatient).statusCode, 504);
    assert.equal(node.queries.running, 1);
    assert.deepEqual((await ask('SELECT n FROM numbers')).rows, [[1]]);
    assert.equal(node.queries.cancel(`q-${first}`), true);
    assert.notEqual((await leads).statusCode, 200);
    // The next one has taken its place.
    while (node.executor.running === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const other of await Promise.all(others)) assert.equal(other.statusCode, 504, other.body);
  });

  async function expectNew(rows: unknown): Promise<void> {
    const answer = await ask();
    assert.deepEqual([answer.rows, answer.stats.result_cached], [rows, undefined]);
  }

  async function openOther(): Promise<Engine> {
    const engine = await createEngine({
      pod: 'acme-1',
      logFolder: `${node.folder}/log-1`,
      dataFolder: `${node.folder}/data`,
      clock: systemClock,
      logger: silentLogger,
      onFatal: () => {},
      limits: { flushIntervalMs: 3_600_000 },
    });
    engines.push(engine);
    await engine.sources();
    return engine;
  }

  async function ask(sql = 'SELECT count(*), sum(n) FROM numbers', more: object = {}): Promise<Answer> {
    const answer = await send(undefined, sql, more);
    assert.equal(answer.statusCode, 200, answer.body);
    return JSON.parse(answer.body) as Answer; // as the route says it
  }

  function send(token?: string, sql = 'SELECT count(*), sum(n) FROM numbers', more: object = {}) {
    const schemas = new Map([['numbers', { columns: definition.columns! }]]);
    const { plan } = parseSql(sql, schemas, { dialect: 'duckdb', isStrict: true }, []);
    const query_id = `q-${randomUUID().replaceAll('-', '')}`;
    const body = { query_id, plan, consistency: 'strict', format: 'rows_json', deadline_ms: 60_000, ...more };
    return call('/internal/execute', body, token);
  }

  function call(url: string, payload: object, token = node.issuer.userToken(tenant)) {
    return node.server.app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${token}` }, payload });
  }
});
