import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { FileStatistics, LogicalPlan } from '@hybridstore/contracts';
import {
  mayMatch,
  optimizePlan,
  ownNames,
  type PrintedNames,
  printDuckdb,
  scanPredicates,
  stepsOfLevel,
} from '@hybridstore/plan';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { readCases } from './corpus-cases.ts';
import { comparable, corpusSchemas, openCorpus, runPlan, runPrinted } from './corpus-data.ts';

/** One file per row, with the bounds of that row: pruning has the most to remove, and the most to get wrong. */
async function readFiles(connection: DuckDBConnection, source: string): Promise<readonly FileStatistics[]> {
  const columns = corpusSchemas.get(source)?.columns ?? [];
  const items = columns.map(({ name, type }) =>
    type === 'timestamp'
      ? `strftime("${name}", '%Y-%m-%dT%H:%M:%S.%gZ')`
      : type === 'json'
        ? 'null'
        : `cast("${name}" as varchar)`,
  );
  const rows = (
    await connection.runAndReadAll(`select ${items.join(', ')} from ${source} order by rowid`)
  ).getRowsJson();
  return rows.map((row, index) => ({
    path: String(index),
    bytes: 1,
    rows: 1,
    partition: {},
    columns: Object.fromEntries(
      columns.flatMap(({ name, type }, place) => {
        const value = row[place];
        const bound = typeof value === 'string' ? value : null;
        return type === 'json' ? [] : [[name, { min: bound, max: bound, nulls: bound === null ? 1 : 0 }] as const];
      }),
    ),
    modified_at: 0,
  }));
}

/** Replaces each scan by a table that holds only the rows of files which may match. */
class PrunedTables {
  readonly printed: PrintedNames = { ...ownNames, scan: (scan) => this.#names.get(scan.alias) ?? scan.source };
  readonly #names = new Map<string, string>();
  removed = 0;
  readonly #connection: DuckDBConnection;
  readonly #files: ReadonlyMap<string, readonly FileStatistics[]>;

  constructor(connection: DuckDBConnection, files: ReadonlyMap<string, readonly FileStatistics[]>) {
    this.#connection = connection;
    this.#files = files;
  }

  async build(plan: LogicalPlan): Promise<void> {
    for (const [index, { alias, source, predicates }] of scanPredicates(plan, corpusSchemas).entries()) {
      const types = new Map(corpusSchemas.get(source)?.columns.map(({ name, type }) => [name, type]));
      const files = this.#files.get(source) ?? [];
      const kept = files.filter((file) => mayMatch(file, predicates, types));
      this.removed += files.length - kept.length;
      const rows = kept.map((file) => file.path).join(', ');
      await this.#connection.run(
        `create or replace temp table pruned_${index} as select * from ${source} where ${rows === '' ? 'false' : `rowid in (${rows})`}`,
      );
      this.#names.set(alias, `pruned_${index}`);
    }
  }
}

describe('pruning files of one row each', () => {
  let connection: DuckDBConnection;
  const files = new Map<string, readonly FileStatistics[]>();
  before(async () => {
    connection = await openCorpus();
    for (const source of corpusSchemas.keys()) files.set(source, await readFiles(connection, source));
  });
  after(() => connection.closeSync());

  test('changes no answer of the corpus, and removes many files', async () => {
    let removed = 0;
    for (const { dialect, sql } of readCases()) {
      const { plan } = parseSql(sql, corpusSchemas, { dialect, isStrict: true }, []);
      for (const candidate of [plan, optimizePlan(plan, stepsOfLevel('aggressive')).plan]) {
        const tables = new PrunedTables(connection, files);
        await tables.build(candidate);
        removed += tables.removed;
        const printed = printDuckdb(candidate, { names: tables.printed });
        const whole = comparable(await runPlan(connection, candidate), false);
        assert.deepEqual(comparable(await runPrinted(connection, printed), false), whole, `${dialect}: ${sql}`);
      }
    }
    assert.ok(removed > 500, `${removed} files removed`);
  });

  const outerJoins = [
    'SELECT s.order_id, c.name FROM sales s LEFT JOIN customers c ON s.customer_id = c.customer_id WHERE c.name IS NULL',
    'SELECT s.order_id, c.name FROM sales s LEFT JOIN customers c ON s.customer_id = c.customer_id AND c.credit = 10 WHERE s.amount > 6',
    'SELECT s.order_id, c.name FROM sales s RIGHT JOIN customers c ON s.customer_id = c.customer_id AND s.amount > 8 WHERE s.order_id IS NULL OR s.order_id > 2',
    'SELECT s.order_id, c.name FROM sales s FULL JOIN customers c ON s.customer_id = c.customer_id AND c.credit > 10 WHERE s.quantity IS NULL',
    "SELECT s.order_id FROM sales s ANTI JOIN customers c ON s.customer_id = c.customer_id AND c.region = 'north'",
    "SELECT s.order_id, e.id FROM sales s ASOF JOIN events e ON s.order_date >= e.ts WHERE e.kind = 'click'",
    'SELECT s.order_id, e.id FROM sales s ASOF LEFT JOIN events e ON s.order_date >= e.ts WHERE e.kind IS NULL',
    'SELECT a.order_id FROM sales a, customers b RIGHT JOIN sales c ON b.customer_id = c.customer_id WHERE b.name IS NULL AND a.order_id = 1',
  ];
  for (const sql of outerJoins) {
    test(`keeps what an outer join needs: ${sql}`, async () => {
      const { plan } = parseSql(sql, corpusSchemas, { dialect: 'duckdb', isStrict: true }, []);
      const tables = new PrunedTables(connection, files);
      await tables.build(plan);
      const printed = printDuckdb(plan, { names: tables.printed });
      assert.deepEqual(
        comparable(await runPrinted(connection, printed), false),
        comparable(await runPlan(connection, plan), false),
      );
    });
  }
});
