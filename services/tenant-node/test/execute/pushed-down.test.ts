import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { FileStatistics } from '@hybridstore/contracts';
import { parseSql } from '@hybridstore/sql/parsing';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { printStatement } from '../../src/domain/statement.ts';
import type { SourceView } from '../../src/domain/strict-view.ts';
import type { ViewPart } from '../../src/execute/child/fresh-row-index.ts';
import { lockedSettings } from '../../src/execute/child/session-settings.ts';
import { bindParameters, joinWith, withViews } from '../../src/execute/child/statement-text.ts';
import { viewText } from '../../src/execute/child/view-text.ts';

/*
 * What the engine makes of a plan over columns that are stored as another type than their own: it looks at bounds of files,
 * and at documents only where they are read. Files and fresh rows lie beside each other in all of it.
 */

const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'moment', type: 'timestamp' },
  { name: 'price', type: 'decimal(10,2)' },
  { name: 'doc', type: 'json' },
  { name: 'day', type: 'date' },
] as const;
const rowsPerFile = 3_000;
const fileNames = ['a', 'b', 'c'];
const rows = (from: number) => `
  SELECT r AS id, make_timestamp(1700000000000000 + r * 1000000)::TIMESTAMPTZ AS moment, (r / 4)::DECIMAL(38,2) AS price,
    CASE WHEN r % 3 > 0 THEN '{"a": ' || (r % 7) || ', "b": 1.0}' END AS doc, DATE '2024-01-01' + (r // 1000)::INTEGER AS day
  FROM range(${from}, ${from + rowsPerFile}) t(r)`;

describe('a plan over columns that are stored as another type', () => {
  const folder = createTemporaryFolder('pushed-down');
  const files = join(folder.path, 'files');
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  before(async () => {
    mkdirSync(files);
    instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    const first = await instance.connect();
    for (const [index, name] of fileNames.entries())
      await first.run(`COPY (${rows(index * rowsPerFile)}) TO '${files}/${name}.parquet' (FORMAT parquet)`);
    await first.run("ATTACH ':memory:' AS fresh");
    await first.run(`CREATE TABLE fresh.f1 AS SELECT 1::BIGINT AS lsn, id AS c0, moment AS c1, price AS c2, doc AS c3, day AS c4
      FROM (${rows(fileNames.length * rowsPerFile)}) LIMIT 10`);
    for (const setting of lockedSettings({ filesFolder: files, secret: '', memoryLimit: '512MB', threads: 2 }))
      await first.run(setting);
    connection = await instance.connect();
  });
  after(() => {
    instance.closeSync();
    folder[Symbol.dispose]();
  });

  for (const [name, key] of [
    ['a time', 'moment'],
    ['a decimal', 'price'],
  ] as const)
    for (const order of ['ASC', 'DESC', 'ASC NULLS FIRST', 'DESC NULLS LAST'])
      it(`finds the first rows by ${name} ${order} with what is known of the files`, async () => {
        for (const sql of [
          `SELECT ${key}, id FROM sales ORDER BY ${key} ${order} LIMIT 5`,
          `SELECT id, doc FROM sales AS s WHERE id % 2 = 0 ORDER BY s.${key} ${order}, id LIMIT 5`,
        ]) {
          const plan = await explain(sql);
          assert.match(plan, new RegExp(`Dynamic Filter \\(${key}\\)`), `${sql}\n${plan}`);
          assert.doesNotMatch(plan, /SEMI/, sql);
          await requireSame(sql);
        }
      });

  it('compares stored decimals and times with constants that they can be', async () => {
    for (const [condition, filter] of [
      ['price >= 2249.75', /price>=2249\.75/],
      ['price < 0.5', /price<0\.50/],
      ["moment >= TIMESTAMP '2023-11-15 00:00:00'", /moment>='2023-11-15/],
      ["day = DATE '2024-01-04'", /day='2024-01-04'/],
    ] as const) {
      const sql = `SELECT count(*) AS n FROM sales WHERE ${condition}`;
      const plan = await explain(sql);
      assert.match(plan, filter, plan);
      await requireSame(sql);
    }
    // What is stored with two digits cannot say what has three.
    const sql = 'SELECT count(*) AS n FROM sales WHERE price > 10.245';
    assert.doesNotMatch(await explain(sql), /price>10/);
    await requireSame(sql);
  });

  it('restores the type behind MIN and MAX, reads no document to count it, and reads one once for a path', async () => {
    for (const [sql, there] of [
      [
        'SELECT min(moment) AS a, max(moment) AS b, max(price) FILTER (WHERE id < 100) AS c FROM sales',
        /UNGROUPED_AGGREGATE/,
      ],
      ['SELECT count(doc) AS n, count(price) AS m FROM sales', /count\(/],
      ['SELECT count(*) AS n FROM sales WHERE doc IS NULL OR moment IS NULL', /IS NULL/],
      ["SELECT doc->>'a' AS a, doc->'b' AS b, count(*) AS n FROM sales GROUP BY 1, 2 ORDER BY 1, 2", /json_extract/],
      ["SELECT count(*) AS n FROM sales WHERE doc->>'a' = '3'", /json_extract_string/],
    ] as const) {
      const plan = await explain(sql);
      assert.doesNotMatch(
        plan,
        /CAST\(doc AS JSON\)|make_timestamp\(epoch_us\(moment\)\)|CAST\(price/,
        `${sql}\n${plan}`,
      );
      assert.match(plan, there, plan);
      await requireSame(sql);
    }
  });

  it('reads the columns themselves where what is stored is not the same', async () => {
    for (const sql of [
      "SELECT doc, doc->>'a' AS a, doc IS NULL AS no, count(*) AS n FROM sales GROUP BY doc ORDER BY 1, 2 LIMIT 9",
      'SELECT moment IS NULL AS no, count(moment) AS n, max(moment) AS last FROM sales GROUP BY ROLLUP(moment) ORDER BY 2 DESC, 3 LIMIT 3',
      'SELECT DISTINCT moment FROM sales ORDER BY moment DESC LIMIT 3',
      'SELECT moment, count(*) AS n FROM sales GROUP BY moment ORDER BY moment DESC LIMIT 3',
      'SELECT moment FROM sales UNION ALL SELECT moment FROM sales ORDER BY moment DESC LIMIT 3',
      'SELECT a.id, b.moment FROM sales AS a JOIN sales AS b USING (moment) ORDER BY b.moment DESC LIMIT 3',
      'SELECT a.moment, count(b.doc) AS n FROM sales AS a LEFT JOIN sales AS b ON a.id = b.id + 9000 GROUP BY a.moment ORDER BY n DESC, a.moment LIMIT 3',
      'SELECT x.moment FROM (SELECT moment FROM sales ORDER BY moment DESC LIMIT 20) AS x ORDER BY x.moment LIMIT 3',
      'SELECT count(DISTINCT moment) AS n, max(moment) - min(moment) AS gap FROM sales',
      'SELECT id, max(price) OVER (ORDER BY id) AS p FROM sales ORDER BY price DESC, id LIMIT 3',
      'SELECT s.id, (SELECT max(t.moment) FROM sales AS t WHERE t.id <= s.id AND s.moment IS NOT NULL) AS m FROM sales AS s WHERE s.id < 3 ORDER BY s.moment LIMIT 2',
      'WITH c AS (SELECT moment AS when_it_was, doc FROM sales) SELECT when_it_was, doc FROM c ORDER BY when_it_was LIMIT 3',
    ])
      await requireSame(sql);
  });

  async function explain(sql: string): Promise<string> {
    const rows = await run(sql, 'EXPLAIN ');
    // Words that the picture breaks, in one line.
    return rows.map((row) => String(row[1]).replaceAll(/[│─┌┐└┘├┤┬┴┼\s]+/g, ' ')).join(' ');
  }

  /** The same text over views that restore all columns first, without an optimizer. */
  async function requireSame(sql: string): Promise<void> {
    const printed = await run(sql, '');
    const plain = await DuckDBInstance.create(':memory:');
    const other = await plain.connect();
    await other.run("SET TimeZone = 'UTC'");
    await other.run('PRAGMA disable_optimizer');
    const parts = [0, 1, 2].map((index) => `SELECT * FROM (${rows(index * rowsPerFile)})`);
    await other.run(`CREATE TABLE sales AS SELECT id, moment::TIMESTAMP AS moment, price::DECIMAL(10,2) AS price, doc::JSON AS doc, day
      FROM (${parts.join(' UNION ALL ')} UNION ALL (SELECT * FROM (${rows(9_000)}) LIMIT 10))`);
    const expected = (await other.runAndReadAll(sql.replaceAll('->>', '->>').replaceAll("'$.", "'$."))).getRowsJson();
    assert.deepEqual(printed.map(asText), expected.map(asText), sql);
    plain.closeSync();
  }

  async function run(sql: string, before: string) {
    const schemas = new Map([['sales', { columns }]]);
    const { plan } = parseSql(sql, schemas, { dialect: 'duckdb', isStrict: true }, []);
    const statement = printStatement(plan, new Map([['sales', sourceView()]]));
    const part: ViewPart = {
      table: {
        name: 'f1',
        shape: 'bigint timestamp decimal(38,2) string date',
        rows: 10,
        lastLsn: 1,
        lsns: [1],
        rowsThrough: [10],
      },
      afterLsn: undefined,
      untilLsn: 1,
    };
    const views = statement.views.map((view) => viewText(view, () => undefined, { catalog: 'fresh', parts: [part] }));
    const prepared = await connection.prepare(
      `${before}${joinWith(withViews(statement.views, views), statement.text)}`,
    );
    bindParameters(prepared, { ...statement, query: 1, shape: 'array', separator: '\n', rowsMax: 1, bytesMax: 1 });
    return (await prepared.runAndReadAll()).getRowsJson();
  }

  function sourceView(): SourceView {
    const state = {
      sourceId: 'sales',
      location: files,
      columns,
      schemaVersion: 1,
      files: fileNames.map(
        (name): Partial<FileStatistics> => ({
          path: `${name}.parquet`,
          bytes: 1,
          rows: rowsPerFile,
          partition: {},
          columns: {},
        }),
      ),
    };
    return { sourceId: 'sales', state, fresh: [], without: [] } as unknown as SourceView;
  }
});

/** A document is the same however it is spelled. */
function asText(row: readonly unknown[]): string {
  return JSON.stringify(row).replaceAll(/(\d)\.0\b/g, '$1');
}
