import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { QueryStats } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { parseSql } from '@hybridstore/sql/parsing';
import fc from 'fast-check';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/*
 * What statistics answer is what the engine answers that reads every row. A query over a derived table is never answered by
 * statistics, so each question is put twice.
 */

const columns = [
  { name: 'whole', type: 'integer' },
  { name: 'long', type: 'bigint' },
  { name: 'real', type: 'double' },
  { name: 'price', type: 'decimal(10,2)' },
  { name: 'exact', type: 'decimal(38,6)' },
  { name: 'day', type: 'date' },
  { name: 'at', type: 'timestamp' },
  { name: 'words', type: 'string' },
  { name: 'flag', type: 'boolean' },
  { name: 'doc', type: 'json' },
  { name: 'kind', type: 'string' },
  { name: 'late', type: 'bigint' },
] as const;
type Name = (typeof columns)[number]['name'];
const names = columns.map(({ name }) => name);

const start = 'x'.repeat(31);
const values: Record<Name, fc.Arbitrary<unknown>> = {
  whole: fc.integer({ min: -2_147_483_648, max: 2_147_483_647 }),
  long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  real: fc.oneof(
    fc.constantFrom(0, -0, 0.1, 1e300, -1e-300, 'NaN', 'Infinity', '-Infinity'),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  ),
  price: fc.integer({ min: -99_999_999, max: 99_999_999 }).map((cents) => (cents / 100).toFixed(2)),
  exact: fc.bigInt({ min: -(10n ** 31n), max: 10n ** 31n }).map((number) => `${number}.${'123456'}`),
  day: fc.integer({ min: -20_000, max: 40_000 }).map((day) => new Date(day * 86_400_000).toISOString().slice(0, 10)),
  at: fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 999_999 }))
    .map(([second, micros]) => `1969-12-31T23:59:5${second}.${String(micros).padStart(6, '0')}Z`),
  // Around where statistics are cut, and where cutting up carries over.
  words: fc.oneof(
    fc.string({ maxLength: 5 }),
    fc.constantFrom(
      '',
      start,
      `${start}y`,
      `${start}yz`,
      `${start}y\u{10ffff}`,
      `${start}\u{10ffff}`,
      '\u{10ffff}'.repeat(40),
    ),
    fc.constantFrom('a', 'ab', `a${'\u{10ffff}'.repeat(32)}`, '\u{ffff}', '\u{10000}'),
  ),
  flag: fc.boolean(),
  doc: fc.constantFrom({ a: 1 }, [1, 'b'], 'text', 7),
  kind: fc.constantFrom('red', 'green', 'constructor', 'x'.repeat(40)),
  late: fc.integer({ min: -5, max: 5 }),
};
const row = fc.record(
  Object.fromEntries(names.map((name) => [name, fc.option(values[name], { nil: null, freq: 3 })])) as Record<
    Name,
    fc.Arbitrary<unknown>
  >,
);
/** Rows of each flush, and those that stay fresh. Files of one row, and files whose column is NULL throughout, are likely. */
const table = fc.record({
  flushed: fc.array(fc.array(row, { minLength: 1, maxLength: 4 }), { minLength: 0, maxLength: 5 }),
  fresh: fc.array(row, { maxLength: 2 }),
  isPartitioned: fc.boolean(),
});
const tables = fc.sample(table, { numRuns: 10, seed: 34 });

type Answer = {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly stats: QueryStats;
};

describe('what statistics answer is what the engine answers that reads every row', () => {
  let node: NodeUnderTest;
  const schemas: PlanSchemas = new Map(tables.map((_, index) => [`t${index}`, { columns: [...columns] }]));
  let fromStatistics = 0;

  before(async () => {
    node = await createNodeUnderTest();
    for (const [index, { flushed, fresh, isPartitioned }] of tables.entries()) {
      const source = `t${index}`;
      const definition = {
        source_id: source,
        columns: columns.slice(0, -1),
        ...(isPartitioned ? { partition_columns: ['kind'] } : {}),
      };
      await call('/sources/add', definition);
      for (const [flush, rows] of flushed.entries()) {
        if (flush === 2) await call('/sources/add', { ...definition, columns });
        await write(source, rows, flush >= 2);
        await node.engine.flush(source);
      }
      await call('/sources/add', { ...definition, columns });
      if (fresh.length > 0) await write(source, fresh, true);
    }
  });
  after(() => node.close());

  for (const [index, { isPartitioned }] of tables.entries())
    it(`of random table ${index}`, async () => {
      const source = `t${index}`;
      const aggregates = names.flatMap((name) =>
        name === 'doc' ? [`count(${name})`] : ['count', 'min', 'max'].map((aggregate) => `${aggregate}(${name})`),
      );
      const questions = [
        ...['count(*)', 'count(DISTINCT kind)', 'count(*) + 1, count(whole) * 2', ...aggregates].map((one) =>
          `SELECT ${one} AS x FROM SOURCE`.replace('* 2 AS x', '* 2'),
        ),
        `SELECT count(*), ${aggregates.join(', ')} FROM SOURCE`,
        'SELECT EXISTS (SELECT 1 FROM SOURCE) AS any_row',
        ...(isPartitioned
          ? ["kind = 'red'", "kind IN ('green', 'constructor')", `'${'x'.repeat(40)}' = kind`, "kind = 'none'"].map(
              (where) =>
                `SELECT count(*), min(whole), max(at), count(DISTINCT kind), min(words) FROM SOURCE WHERE ${where}`,
            )
          : []),
      ];
      for (const question of questions) {
        const found = await ask(question.replace('SOURCE', source));
        const expected = await ask(question.replace('SOURCE', `(SELECT * FROM ${source}) AS d`));
        assert.equal(expected.stats.path, 'scan');
        assert.deepEqual([found.columns, found.rows], [expected.columns, expected.rows], question);
        if (found.stats.path === 'metadata') fromStatistics += 1;
      }
    });

  it('often enough', () => {
    assert.ok(fromStatistics > 100, `${fromStatistics}`);
  });

  it('a whole count opens no file, and says where it came from', async () => {
    await call('/sources/add', { source_id: 'plain', columns: [{ name: 'n', type: 'integer' }] });
    for (const n of [1, 2, 3]) {
      await node.engine.append({ sourceId: 'plain', records: [{ fields: { n } }, { fields: { n: null } }] });
      if (n < 3) await node.engine.flush('plain');
    }
    const plain: PlanSchemas = new Map([['plain', { columns: [{ name: 'n', type: 'integer' }] }]]);
    const { rows, stats } = await ask('SELECT count(*), count(n), min(n), max(n) FROM plain', plain);
    assert.deepEqual(rows, [[6, 3, 1, 3]]);
    assert.deepEqual([stats.path, stats.files_total, stats.files_read, stats.fresh_rows], ['metadata', 2, 0, 2]);
    const other = await ask('SELECT n FROM plain ORDER BY n', plain);
    assert.deepEqual([other.stats.path, other.stats.files_read], ['scan', 2]);
  });

  async function write(source: string, rows: readonly Record<string, unknown>[], hasLate: boolean): Promise<void> {
    const records = rows.map(({ late, ...fields }) => ({ fields: hasLate ? { ...fields, late } : fields }));
    await node.engine.append({ sourceId: source, records });
  }

  async function ask(sql: string, known = schemas): Promise<Answer> {
    const { plan } = parseSql(sql, known, { dialect: 'duckdb', isStrict: true }, []);
    const query_id = `q-${randomUUID().replaceAll('-', '')}`;
    const body = {
      query_id,
      plan,
      consistency: 'strict',
      format: 'rows_json',
      deadline_ms: 60_000,
      result_rows_max: 9,
    };
    return JSON.parse(await call('/internal/execute', body)) as Answer; // as the route says it
  }

  async function call(url: string, payload: object): Promise<string> {
    const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}` };
    const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
    assert.ok(answer.statusCode < 300, `${url} ${answer.body} ${JSON.stringify(payload).slice(0, 1_000)}`);
    return answer.body;
  }
});
