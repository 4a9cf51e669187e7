import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type {
  CatalogSource,
  LogicalPlan,
  OptimizeResponse,
  PlanExpression,
  PlanRelation,
  ScanStatistics,
  StatisticsRequest,
} from '@hybridstore/contracts';
import { JwksTokenVerifier } from '@hybridstore/http';
import { column, compare, finishPlan, integer, logic } from '@hybridstore/plan';
import { createMetrics, Environment, HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { estimateCardinalities } from '../src/domain/cardinality.ts';
import { estimateCostMs } from '../src/domain/cost.ts';
import { ExecutionHistory } from '../src/domain/execution-history.ts';
import type { CatalogPort } from '../src/domain/ports.ts';
import { estimateSelectivity } from '../src/domain/selectivity.ts';
import { shapeOf } from '../src/domain/shape.ts';
import { awayMs, firstMsMax, refreshMsMax } from '../src/domain/statistics-source.ts';

const folder = createTemporaryFolder('cbo');
after(() => folder[Symbol.dispose]());
const clock = new FakeClock();
const issuer = new TestIssuer(folder.path, clock);

/** Tables by name: rows, and each column's distinct values from 0 upwards. */
const tables: Readonly<Record<string, { rows: number; columns: Readonly<Record<string, number>> }>> = {
  orders: { rows: 1_000_000, columns: { id: 1_000_000, customer: 10_000, day: 365 } },
  customers: { rows: 10_000, columns: { id: 10_000, country: 50 } },
  countries: { rows: 50, columns: { id: 50 } },
};

class FakeCatalog implements CatalogPort {
  isAway = false;
  /** Calls come in, and nothing goes out. */
  isSilent = false;
  asked: StatisticsRequest[] = [];

  async sources(): Promise<readonly CatalogSource[]> {
    if (this.isAway) throw new HybridStoreError('unavailable', 'away');
    return Object.entries(tables).map(
      ([source_id, table]) =>
        ({
          source_id,
          columns: Object.keys(table.columns).map((name) => ({ name, type: 'bigint' })),
        }) as unknown as CatalogSource,
    );
  }

  async statistics(_token: string, request: StatisticsRequest): Promise<readonly ScanStatistics[]> {
    if (this.isAway) throw new HybridStoreError('unavailable', 'away');
    this.asked.push(request);
    if (this.isSilent) return new Promise(() => {});
    return request.scans.map(({ source_id, predicates }) => {
      const table = tables[source_id];
      assert.ok(table);
      const share = predicates.length > 0 ? 0.1 : 1;
      const columns = Object.entries(table.columns).map(
        ([name, distinct]) => [name, { min: '0', max: String(distinct - 1), nulls: 0, distinct }] as const,
      );
      return {
        source_id,
        schema_version: 1,
        table_version: 7,
        rows: table.rows,
        bytes: table.rows * 20,
        files: 10,
        unflushed_rows: 0,
        matched_rows: table.rows * share,
        matched_bytes: table.rows * 20 * share,
        matched_files: 10 * share,
        columns: Object.fromEntries(columns),
      };
    });
  }
}

function open(variables: Readonly<Record<string, string>> = {}) {
  const catalog = new FakeCatalog();
  const config = readConfig(new Environment({ METADATA_CATALOG_URL: 'http://catalog:1', ...variables }));
  const { server } = createApp({
    config,
    catalog,
    clock,
    version: '1',
    logger: silentLogger,
    metrics: createMetrics('cbo-engine'),
    verifier: new JwksTokenVerifier(issuer.jwksFile, clock),
  });
  const post = async (url: string, payload: object, token = issuer.userToken('default/acme')) => {
    const answer = await server.app.inject({
      method: 'POST',
      url,
      payload,
      headers: { authorization: `Bearer ${token}` },
    });
    return {
      status: answer.statusCode,
      body: answer.json<OptimizeResponse & { tree: string; error: { code: string; message: string } }>(),
    };
  };
  const get = async (url: string, token = issuer.userToken('default/acme')) =>
    (await server.app.inject({ url, headers: { authorization: `Bearer ${token}` } })).json<Record<string, unknown>>();
  return { catalog, post, get };
}

function scan(source: string, columns: readonly string[] = ['id']): PlanRelation {
  return { kind: 'scan', source, alias: source.slice(0, 2), columns };
}

function select(from: PlanRelation, where?: PlanExpression, projection: PlanExpression = integer(1)): LogicalPlan {
  return finishPlan({
    kind: 'query',
    body: { kind: 'select', projections: [{ name: 'x', value: projection }], from, ...(where ? { where } : {}) },
  });
}

const equal = (left: PlanExpression, right: PlanExpression) => compare('eq', left, right);

describe('selectivity', () => {
  const statistics = { distinct: 100, nullFraction: 0.2, min: 0, max: 200 };
  const context = {
    parameters: [{ type: 'bigint', value: 50 }],
    column: (relation: string) => (relation === 't' ? statistics : undefined),
  };
  const value = column('t', 'a');
  const cases: readonly [string, PlanExpression, number][] = [
    ['equality takes one of the distinct values that are not null', equal(value, integer(7)), 0.008],
    ['a range takes its share between the bounds', compare('lt', value, integer(50)), 0.2],
    ['a mirrored comparison means the same', compare('gt', integer(50), value), 0.2],
    ['a parameter is as good as a literal', compare('gte', value, { kind: 'parameter', index: 0 }), 0.6],
    ['a range beyond the bounds keeps next to nothing', compare('gt', value, integer(500)), 1e-9],
    [
      'between takes what both ends leave',
      { kind: 'between', value, low: integer(50), high: integer(150), negated: false },
      0.2,
    ],
    ['null takes the nulls', { kind: 'is_null', value, negated: false }, 0.2],
    ['not null takes the rest', { kind: 'is_null', value, negated: true }, 0.8],
    ['a list adds up', { kind: 'in', value, list: [integer(1), integer(2), integer(3)], negated: false }, 0.024],
    [
      'alternatives overlap',
      logic('or', [compare('lt', value, integer(50)), compare('gte', value, integer(150))]),
      1 - 0.8 * 0.8,
    ],
    ['a join of columns takes the larger number of values', equal(value, column('t', 'b')), 0.01],
    ['an unknown column is guessed', equal(column('u', 'a'), integer(1)), 0.005],
  ];
  for (const [name, condition, share] of cases) {
    it(name, () =>
      assert.ok(
        Math.abs(estimateSelectivity(condition, context) - share) < 1e-12,
        String(estimateSelectivity(condition, context)),
      ),
    );
  }
});

describe('costs', () => {
  it('reads pruned files and bytes from the catalog, and says so', async () => {
    const { post, catalog } = open();
    const plan = select(scan('orders', ['day']), compare('lt', column('or', 'day'), integer(30)));
    const { status, body } = await post('/optimize/query', { query_plan: plan });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(catalog.asked[0]?.scans, [
      { source_id: 'orders', predicates: [{ column: 'day', operator: 'lt', values: ['30'] }] },
    ]);
    assert.deepEqual(body.cost.scans[0], {
      source_id: 'orders',
      alias: 'or',
      table_version: 7,
      files_total: 10,
      files_matched: 1,
      bytes_total: 20_000_000,
      bytes_matched: 2_000_000,
      rows_total: 1_000_000,
      rows_matched: 100_000,
      // The files that were left out held none of the rows: the share of the whole table, not of what is read.
      rows_estimated: 1_000_000 * (30 / 364),
    });
    assert.deepEqual(body.optimized_plan, plan);
  });

  it('expects no more rows than the files that may match hold', async () => {
    const { post } = open();
    const plan = select(scan('orders', ['day']), compare('lt', column('or', 'day'), integer(300)));
    const { body } = await post('/optimize/query', { query_plan: plan });
    assert.deepEqual([body.cost.scans[0]?.rows_matched, body.cost.scans[0]?.rows_estimated], [100_000, 100_000]);
  });

  it('asks more for more rows, for a join, for a sort', async () => {
    const { post } = open();
    const predictedMs = async (plan: LogicalPlan) =>
      (await post('/costs/estimate', { query_plan: plan })).body.cost.predicted_ms;
    const small = await predictedMs(select(scan('customers')));
    const large = await predictedMs(select(scan('orders')));
    const joined = await predictedMs(
      select({
        kind: 'join',
        first: scan('orders', ['customer']),
        steps: [{ type: 'inner', right: scan('customers'), on: equal(column('or', 'customer'), column('cu', 'id')) }],
      }),
    );
    assert.ok(small < large && large < joined, `${small} ${large} ${joined}`);
  });

  it('expects as many rows from a key join as the larger side has', async () => {
    const { post } = open();
    const join = select({
      kind: 'join',
      first: scan('orders', ['customer']),
      steps: [{ type: 'inner', right: scan('customers'), on: equal(column('or', 'customer'), column('cu', 'id')) }],
    });
    assert.equal((await post('/costs/estimate', { query_plan: join })).body.cost.rows_out, 1_000_000);
  });

  it('shows the plan as a tree with its scans', async () => {
    const { post } = open();
    const { body } = await post('/costs/estimate', { query_plan: select(scan('customers')) });
    assert.match(body.tree, /customers[\s\S]*-- cu: 10 of 10 files, about 10000 of 10000 rows/);
  });
});

describe('the worked example of the comments', () => {
  const day = column('o', 'day');
  const plan = finishPlan({
    kind: 'query',
    body: {
      kind: 'select',
      projections: [{ name: 'day', value: day }],
      from: {
        kind: 'join',
        first: { kind: 'scan', source: 'orders', alias: 'o', columns: ['customer', 'day'] },
        steps: [
          {
            type: 'inner',
            right: { kind: 'scan', source: 'customers', alias: 'c', columns: ['id', 'country'] },
            on: equal(column('o', 'customer'), column('c', 'id')),
          },
        ],
      },
      where: equal(column('c', 'country'), integer(49)),
      groupBy: [{ kind: 'key', value: day }],
    },
  });
  const known = new Map(
    Object.entries({ o: 'orders', c: 'customers' }).map(([alias, name]) => {
      const { rows, columns } = tables[name] ?? { rows: 0, columns: {} };
      const statistics = Object.entries(columns).map(
        ([of, distinct]) => [of, { distinct, nullFraction: 0, min: 0, max: distinct - 1 }] as const,
      );
      return [alias, { rows, rowsTotal: rows, columns: new Map(statistics) }] as const;
    }),
  );

  it('comes out of the estimates of rows, work and time', () => {
    const { rowsOut, rowsByAlias, work } = estimateCardinalities(plan, known);
    assert.equal(rowsOut, 365);
    assert.deepEqual(Object.fromEntries(rowsByAlias), { o: 1_000_000, c: 200 });
    assert.deepEqual(work, {
      scanned: 2_020_000,
      filtered: 20_000,
      built: 200,
      probed: 1_000_000,
      grouped: 20_000,
      sorted: 0,
      windowed: 0,
      produced: 365,
      heldBytes: 365 * 16 * 6,
    });
    assert.equal(estimateCostMs(work, 10, 22e6).toFixed(1), '47.6');
  });
});

describe('alternatives', () => {
  const chain = select({
    kind: 'join',
    first: scan('orders', ['customer']),
    steps: [
      {
        type: 'inner',
        right: scan('customers', ['country', 'id']),
        on: equal(column('or', 'customer'), column('cu', 'id')),
      },
      {
        type: 'inner',
        right: { ...scan('countries'), alias: 'land' } as PlanRelation,
        on: equal(column('cu', 'country'), column('land', 'id')),
      },
    ],
  });

  it('are built and compared by cost, and one is chosen', async () => {
    const { post } = open();
    const { body } = await post('/optimize/query', { query_plan: chain });
    assert.deepEqual(
      body.alternatives.map((one) => one.name),
      ['as_written', 'smallest_first'],
    );
    assert.equal(body.alternatives.filter((one) => one.chosen).length, 1);
    assert.equal(body.cost.predicted_ms, body.alternatives.find((one) => one.chosen)?.cost.predicted_ms);
  });

  it('are as many as MAX_EXECUTION_PLANS allows', async () => {
    const { post } = open({ MAX_EXECUTION_PLANS: '1' });
    assert.deepEqual(
      (await post('/optimize/query', { query_plan: chain })).body.alternatives.map((one) => one.name),
      ['as_written'],
    );
  });

  it('are none for outer joins, whose order has a meaning', async () => {
    const { post } = open();
    const text = JSON.stringify(chain).replace('"type":"inner"', '"type":"left"');
    assert.equal(
      (await post('/optimize/query', { query_plan: JSON.parse(text) as object })).body.alternatives.length,
      1,
    );
  });
});

describe('learning', () => {
  const report = {
    tenant_id: 'default/acme',
    query_id: 'q',
    shape: 's',
    predicted_ms: 10,
    execute_ms: 40,
    rows_out: 1,
    bytes_read: 1,
    outcome: 'done',
  } as const;

  it('moves the predicted time of a shape towards what it took, within bounds, for its tenant only', () => {
    const history = new ExecutionHistory(true);
    for (let times = 0; times < 30; times += 1)
      history.record({ ...report, predicted_ms: 10 * history.factor('default/acme', 's') });
    assert.ok(Math.abs(history.factor('default/acme', 's') - 4) < 0.02);
    assert.equal(history.factor('default/other', 's'), 1);
    for (let times = 0; times < 100; times += 1) history.record({ ...report, execute_ms: 1e9 });
    assert.equal(history.factor('default/acme', 's'), 16);
  });

  it('learns nothing from what did not finish, and nothing when switched off', () => {
    const history = new ExecutionHistory(true);
    history.record({ ...report, outcome: 'timed_out' });
    assert.equal(history.factor('default/acme', 's'), 1);
    const off = new ExecutionHistory(false);
    off.record(report);
    assert.equal(off.factor('default/acme', 's'), 1);
  });

  it('is reported by the operation node and shown to the tenant', async () => {
    const { post, get } = open();
    const body = { executions: [report] };
    assert.equal((await post('/internal/executions', body)).status, 403);
    assert.equal((await post('/internal/executions', body, issuer.serviceToken('operation-node'))).status, 200);
    const stats = await get('/stats/execution');
    assert.deepEqual(
      [stats['executions'], stats['outcomes'], stats['q_error']],
      [1, { done: 1 }, { p50: 4, p95: 4, max: 4 }],
    );
    const others = await get('/stats/execution', issuer.userToken('default/other'));
    assert.deepEqual([stats['shapes'], others['executions'], others['shapes']], [1, 0, 0]);
  });

  it('names plans that differ in values only by one shape', () => {
    const plan = (value: number) => select(scan('orders', ['day']), compare('lt', column('or', 'day'), integer(value)));
    assert.equal(shapeOf(plan(1)), shapeOf(plan(2)));
    assert.notEqual(
      shapeOf(plan(1)),
      shapeOf(select(scan('orders', ['day']), compare('gt', column('or', 'day'), integer(1)))),
    );
  });
});

describe('bad input and a catalog that is away', () => {
  const plan = select(scan('orders'));

  it('answers with the last statistics while they are young enough, and says so', async () => {
    const { post, catalog } = open({ STATISTICS_REFRESH_INTERVAL: '1' });
    assert.equal((await post('/optimize/query', { query_plan: plan })).body.statistics_cached, false);
    catalog.isAway = true;
    assert.equal((await post('/optimize/query', { query_plan: plan })).body.statistics_cached, true);
    await clock.advance(61_000);
    assert.equal((await post('/optimize/query', { query_plan: plan })).status, 503);
  });

  it('waits but a moment for a catalog that gives no answer, and then leaves it alone for a while', async () => {
    const { post, catalog } = open();
    await post('/optimize/query', { query_plan: plan });
    catalog.isSilent = true;
    const first = post('/optimize/query', { query_plan: plan });
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    await clock.advance(refreshMsMax);
    assert.equal((await first).body.statistics_cached, true);
    const asked = catalog.asked.length;
    assert.equal((await post('/optimize/query', { query_plan: plan })).body.statistics_cached, true);
    assert.equal(catalog.asked.length, asked);
    catalog.isSilent = false;
    await clock.advance(awayMs);
    assert.equal((await post('/optimize/query', { query_plan: plan })).body.statistics_cached, false);
  });

  it('gives up soon on a catalog of which it knows nothing yet, and does not ask it again for a while', async () => {
    const { post, catalog } = open();
    catalog.isSilent = true;
    const first = post('/optimize/query', { query_plan: plan });
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    await clock.advance(firstMsMax);
    assert.equal((await first).status, 503);
    assert.equal((await post('/optimize/query', { query_plan: plan })).status, 503);
    assert.equal(catalog.asked.length, 1);
    catalog.isSilent = false;
    await clock.advance(awayMs);
    assert.equal((await post('/optimize/query', { query_plan: plan })).status, 200);
  });

  const refused: readonly [string, unknown, number, RegExp][] = [
    ['no plan', {}, 400, /query_plan/],
    ['text for a plan', { query_plan: 'SELECT 1' }, 400, /query_plan/],
    ['a source that does not exist', { query_plan: select(scan('nowhere')) }, 400, /nowhere/],
    [
      'a column that does not exist',
      { query_plan: select(scan('orders', ['nope']), compare('lt', column('or', 'nope'), integer(1))) },
      400,
      /nope/,
    ],
    ['tables that are not those of the plan', { query_plan: { ...plan, tables: [] } }, 400, /tables/],
    ['an unknown field', { query_plan: plan, colour: 1 }, 400, /colour/],
  ];
  for (const [name, body, status, message] of refused) {
    it(`refuses ${name}`, async () => {
      const { post } = open();
      const answer = await post('/optimize/query', body as object);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.match(answer.body.error.message, message);
    });
  }

  it('refuses a plan over a source that the caller may not read', async () => {
    const { post } = open();
    const token = issuer.userToken('default/acme', [{ sources: ['customers'], actions: ['read'] }]);
    assert.equal((await post('/optimize/query', { query_plan: plan }, token)).status, 403);
    assert.equal((await post('/optimize/query', { query_plan: select(scan('customers')) }, token)).status, 200);
  });

  it('names the variable that is wrong', () => {
    assert.throws(
      () => readConfig(new Environment({ MAX_EXECUTION_PLANS: '0' })),
      /MAX_EXECUTION_PLANS: expected a number from 1 to 64, found 0/,
    );
  });
});
