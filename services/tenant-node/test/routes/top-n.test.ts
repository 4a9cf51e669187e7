import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { LogicalPlan } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { compileDsl } from '@hybridstore/sql/dsl';
import { parseSql } from '@hybridstore/sql/parsing';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/*
 * The engine cuts a scan short by the bound that a top-n has reached. Whatever lies where, and in whatever part of the
 * table the greatest and smallest values are, the first rows are those of the whole order.
 */

type Place = { readonly n: number; readonly count: number };
type Kind = {
  readonly type: string;
  /** In the order of its rows; an answer spells it alike. */
  readonly write: (place: Place) => unknown;
};

const dayMs = 86_400_000;
const dayOf = ({ n }: Place) => new Date(Date.UTC(1900, 0, 1) + n * dayMs).toISOString().slice(0, 10);
const momentOf = ({ n }: Place) => new Date(Date.UTC(2020, 0, 1) + n * 60_000).toISOString();
const textOf = ({ n }: Place) => `k${String(n).padStart(8, '0')}`;
const priceOf = ({ n }: Place) => `${n}.25`;

const kinds: Readonly<Record<string, Kind>> = {
  whole: { type: 'integer', write: ({ n, count }) => n * 16_000 - count * 8_000 },
  long: { type: 'bigint', write: ({ n, count }) => (n - count / 2) * 4_000_000_000 },
  real: { type: 'double', write: ({ n, count }) => n - count / 2 + 0.5 },
  price: { type: 'decimal(10,2)', write: priceOf },
  exact: { type: 'decimal(38,2)', write: priceOf },
  day: { type: 'date', write: dayOf },
  at: { type: 'timestamp', write: momentOf },
  words: { type: 'string', write: textOf },
  flag: { type: 'boolean', write: ({ n, count }) => n > count / 2 },
};
const columns = Object.entries(kinds).map(([name, { type }]) => ({ name, type }));
const schema = {
  columns: [...columns, { name: 'row', type: 'bigint' }, { name: 'pad', type: 'string' }],
};

/** Where the rows lie: the sizes of the parts that are flushed, and how many stay fresh. */
const layouts: Readonly<
  Record<string, { readonly flushed: readonly number[]; readonly fresh: number; readonly isCompacted?: boolean }>
> = {
  one_file: { flushed: [60], fresh: 0 },
  many_files: { flushed: [20, 20, 20], fresh: 0 },
  files_and_fresh: { flushed: [20, 20], fresh: 20 },
  all_fresh: { flushed: [], fresh: 60 },
  compacted: { flushed: [20, 20, 20], fresh: 0, isCompacted: true },
  row_groups: { flushed: [5_000], fresh: 20 },
};
const rowsPerBatch = 1_000;
/** So wide that a row group of 16 MiB takes the fewest rows that it may have, 2,048. */
const padCharacters = 8_000;
/** In each column, so that NULLs are everywhere. */
const isNull = (n: number) => n % 10 === 0;

const orders = ['ASC', 'DESC'].flatMap((direction) => ['FIRST', 'LAST'].map((nulls) => ({ direction, nulls })));

describe('the first rows of an order are those of the whole order', () => {
  let node: NodeUnderTest;
  const schemas: PlanSchemas = new Map(Object.keys(layouts).map((source) => [source, schema]));

  before(async () => {
    node = await createNodeUnderTest();
    for (const [source, { flushed, fresh, isCompacted }] of Object.entries(layouts)) {
      await call('/sources/add', { source_id: source, columns: schema.columns });
      const count = [...flushed, fresh].reduce((sum, size) => sum + size, 0);
      let next = 1;
      for (const size of flushed) {
        next = await write(source, { next, size, count });
        await node.engine.flush(source);
      }
      await write(source, { next, size: fresh, count });
      const { files, unflushedRows } = await stateOf(source);
      assert.deepEqual([files.length, unflushedRows], [flushed.length, fresh], source);
      if (isCompacted) await compact(source, files);
    }
  });
  after(() => node.close());

  for (const [source, { flushed, fresh }] of Object.entries(layouts)) {
    const count = [...flushed, fresh].reduce((sum, size) => sum + size, 0);
    for (const [name, kind] of Object.entries(kinds))
      it(`of a column of ${kind.type} in ${source}`, async () => {
        for (const { direction, nulls } of orders) {
          const expected = firstValues(kind, { count, direction, nulls });
          const order = `ORDER BY x ${direction} NULLS ${nulls} LIMIT ${expected.length}`;
          const plain = `SELECT ${name} AS x FROM ${source} ${order}`;
          const others = [
            `SELECT x FROM (SELECT ${name} AS x FROM ${source} WHERE false UNION ALL SELECT ${name} FROM ${source}) AS u ${order}`,
            `SELECT x FROM (SELECT ${name} AS x, count(*) AS c FROM ${source} GROUP BY ${name}, row) AS g ${order}`,
            ...(name === 'whole'
              ? ['INTEGER', 'BIGINT'].flatMap((type) =>
                  ['CAST', 'TRY_CAST'].map((cast) => `SELECT ${cast}(whole AS ${type}) AS x FROM ${source} ${order}`),
                )
              : []),
          ];
          const statements = (direction === 'ASC') === (nulls === 'FIRST') ? [plain, ...others] : [plain];
          for (const sql of statements) assert.deepEqual(await answers(plan(sql)), expected, sql);
        }
      });
  }

  it('by the DSL as well', async () => {
    for (const source of Object.keys(layouts))
      for (const [name, kind] of Object.entries(kinds))
        for (const direction of ['asc', 'desc'] as const) {
          const dsl = compileDsl(
            {
              query_type: 'filter',
              source,
              columns: [name],
              conditions: [{ field: name, operator: 'exists', value: true }],
              order_by: [{ field: name, direction }],
              limit: 5,
            },
            schemas,
          );
          const { flushed, fresh } = layouts[source]!;
          const count = [...flushed, fresh].reduce((sum, size) => sum + size, 0);
          const order = { count, direction: direction.toUpperCase(), nulls: 'LAST' };
          const expected = firstValues(kind, order).slice(0, 5);
          assert.deepEqual(await answers(dsl), expected, `${source} ${name} ${direction}`);
        }
  });

  it('where a join bounds what is below a limit', async () => {
    for (const source of Object.keys(layouts)) {
      const top = `SELECT whole AS x FROM ${source} WHERE whole IS NOT NULL ORDER BY whole DESC LIMIT 5`;
      const low = `SELECT whole AS y FROM ${source} WHERE whole IS NOT NULL ORDER BY whole LIMIT 5`;
      assert.deepEqual(await answers(plan(`SELECT x FROM (${top}) AS t JOIN (${low}) AS l ON x = y`)), [], source);
      const both = `SELECT x FROM (${top}) AS t JOIN (${top.replace(' AS x', ' AS y')}) AS u ON x = y ORDER BY x DESC`;
      assert.deepEqual(await answers(plan(both)), await answers(plan(top)), source);
    }
  });

  it('an integer stays one in the answer, computed or not', async () => {
    const types = async (sql: string) => (JSON.parse(await ask(plan(sql))) as Answer).columns.map(({ type }) => type);
    const inner = 'SELECT whole AS w, long AS l FROM many_files';
    assert.deepEqual(await types(`WITH t AS (${inner}) SELECT w, l, max(w) FROM t GROUP BY w, l`), [
      'integer',
      'bigint',
      'integer',
    ]);
    assert.deepEqual(await types(`${inner} UNION ALL ${inner}`), ['integer', 'bigint']);
    assert.deepEqual(await types('SELECT whole FROM all_fresh UNION ALL SELECT long FROM all_fresh'), ['bigint']);
    assert.deepEqual(await types('SELECT count(whole) FROM all_fresh'), ['bigint']);
  });

  /** Enough to have NULLs among them in the order that begins with them, and values behind. */
  function firstValues(
    { write: spell }: Kind,
    { count, direction, nulls }: { readonly count: number; readonly direction: string; readonly nulls: string },
  ): readonly unknown[] {
    const nullCount = Math.floor(count / 10);
    const taken = nulls === 'FIRST' && nullCount < 20 ? nullCount + 3 : 7;
    const values: unknown[] = nulls === 'FIRST' ? Array(Math.min(taken, nullCount)).fill(null) : [];
    for (let step = 0; values.length < taken; step += 1) {
      const n = direction === 'ASC' ? step + 1 : count - step;
      if (!isNull(n)) values.push(spell({ n, count }));
    }
    return values;
  }

  async function write(
    source: string,
    { next, size, count }: { readonly next: number; readonly size: number; readonly count: number },
  ): Promise<number> {
    for (let from = next; from < next + size; from += rowsPerBatch) {
      const rows = Math.min(rowsPerBatch, next + size - from);
      const records = Array.from({ length: rows }, (_, index) => {
        const n = from + index;
        return {
          fields: {
            ...Object.fromEntries(
              Object.entries(kinds).map(([name, kind]) => [name, isNull(n) ? null : kind.write({ n, count })]),
            ),
            row: n,
            ...(source === 'row_groups' ? { pad: 'x'.repeat(padCharacters) } : {}),
          },
        };
      });
      await node.engine.append({ sourceId: source, records });
    }
    return next + size;
  }

  async function stateOf(source: string) {
    const { files } = await node.engine.snapshot(source);
    return { files, unflushedRows: (await node.engine.stats(source)).unflushed_rows };
  }

  async function compact(source: string, files: readonly { readonly path: string }[]): Promise<void> {
    const paths = files.map(({ path }) => path);
    await node.engine.compact(source, { groups: [{ paths }], file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
    assert.equal((await stateOf(source)).files.length, 1);
  }

  type Answer = {
    readonly columns: readonly { readonly type: string }[];
    readonly rows: readonly (readonly unknown[])[];
  };

  function plan(sql: string): LogicalPlan {
    return parseSql(sql, schemas, { dialect: 'duckdb', isStrict: true }, []).plan;
  }

  async function answers(wanted: LogicalPlan): Promise<readonly unknown[]> {
    return (JSON.parse(await ask(wanted)) as Answer).rows.map(([value]) => value);
  }

  async function ask(wanted: LogicalPlan): Promise<string> {
    const query_id = `q-${randomUUID().replaceAll('-', '')}`;
    return call('/internal/execute', {
      query_id,
      plan: wanted,
      consistency: 'strict',
      format: 'rows_json',
      deadline_ms: 60_000,
      result_rows_max: 1_000,
    });
  }

  async function call(url: string, payload: object): Promise<string> {
    const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}` };
    const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
    assert.ok(answer.statusCode < 300, `${url} ${answer.body} ${JSON.stringify(payload).slice(0, 2_000)}`);
    return answer.body;
  }
});
