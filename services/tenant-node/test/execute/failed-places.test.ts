import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Dialect, FailedOperation } from '@hybridstore/contracts';
import { type PlanSchemas, printDuckdb } from '@hybridstore/plan';
import { locateSql, parseSql } from '@hybridstore/sql/parsing';
import { readEngineFailure } from '../../src/execute/child/engine-failure.ts';

const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'note', type: 'string' },
  { name: 'at', type: 'timestamp' },
];
const schemas: PlanSchemas = new Map([['t', { columns }]]);
const rows = "SELECT 9223372036854775807 AS id, 'canary' AS note, TIMESTAMP '2024-01-01 00:00:00' AS at";

/** Statements that fail while they run, on two rows. `«` stands where one says what failed; several where it may be each. */
const statements: readonly (readonly [Dialect, string])[] = [
  ['duckdb', 'SELECT id, «CAST(note AS INTEGER) FROM t'],
  ['duckdb', 'SELECT id,\n  lower(note),\n  «note::DATE AS day\nFROM t'],
  ['duckdb', "SELECT CAST('7' AS BIGINT), «CAST(note AS INTEGER) FROM t"],
  ['duckdb', 'SELECT «CAST(note AS INTEGER), TRY_CAST(note AS INTEGER), «note::INTEGER FROM t'],
  ['duckdb', 'SELECT note FROM t WHERE «CAST(note AS INTEGER) > 5'],
  ['duckdb', 'SELECT «id + 1 FROM t'],
  ['duckdb', "SELECT 'żółć', «id * 2 FROM t"],
  ['duckdb', 'SELECT count(*) FROM t GROUP BY «CAST(note AS BOOLEAN)'],
  ['duckdb', 'SELECT sqrt(4), sqrt(-«id) FROM t'],
  ['duckdb', 'SELECT * FROM (SELECT «ln(id - id) AS n FROM t) AS s'],
  ['duckdb', "SELECT «strptime(note, '%Y') FROM t"],
  ['duckdb', "SELECT «regexp_matches(note, '(a') FROM t"],
  ['duckdb', 'SELECT (SELECT «id FROM t) AS one'],
  ['duckdb', 'SELECT CAST(«CAST(note AS DOUBLE) AS INTEGER) FROM t'],
  ['postgresql', 'SELECT 1 / 2, 1 / («id - id) FROM t'],
  ['postgresql', 'SELECT note, «note::integer FROM t'],
  ['postgresql', 'SELECT id % 7, «id % (id - id) FROM t'],
  ['postgresql', 'SELECT «note::jsonb FROM t'],
  ['mysql', 'SELECT «id + 1 FROM t'],
  ['mysql', "SELECT note FROM t WHERE «note REGEXP '(a'"],
];
/** Only the plan says what failed. */
const placeless: readonly (readonly [Dialect, string])[] = [
  ['duckdb', 'SELECT id = note FROM t'],
  ['duckdb', 'SELECT id FROM t WHERE note IN (1, 2)'],
];

describe('what failed in a statement', () => {
  let connection: DuckDBConnection;
  before(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run('SET errors_as_json = true');
    await connection.run(`CREATE TABLE t AS ${rows} UNION ALL ${rows}`);
  });
  after(() => connection.closeSync());

  for (const [dialect, marked] of statements)
    it(`is found at its place: ${dialect}: ${marked}`, async () => {
      const { text, places } = unmark(marked);
      const failed = await fail(text, dialect);
      assert.ok(failed, 'the failure says what failed');
      assert.deepEqual(locate(text, dialect, failed), places, JSON.stringify(failed));
    });

  for (const [dialect, text] of placeless)
    it(`is nowhere where nobody wrote it: ${dialect}: ${text}`, async () => {
      const failed = await fail(text, dialect);
      assert.ok(failed, 'the failure says what failed');
      assert.deepEqual(locate(text, dialect, failed), []);
    });

  it('is shown at the first 20 of its places', () => {
    const text = `SELECT ${Array.from({ length: 30 }, () => 'CAST(note AS INTEGER)').join(', ')} FROM t`;
    assert.equal(locate(text, 'duckdb', { kind: 'cast', type: 'integer' }).length, 20);
  });

  async function fail(text: string, dialect: Dialect): Promise<FailedOperation | undefined> {
    const { plan } = parseSql(text, schemas, { dialect, isStrict: true }, []);
    const reason: unknown = await connection.runAndReadAll(printDuckdb(plan).sql).then(
      () => assert.fail('the statement runs'),
      (error: unknown) => error,
    );
    const { code, details } = readEngineFailure(reason);
    assert.equal(code, 'invalid_request');
    return details['failed'] as FailedOperation | undefined;
  }
});

function locate(text: string, dialect: Dialect, failed: FailedOperation) {
  const places = locateSql({ text, values: [], failed }, schemas, { dialect, isStrict: true });
  return places.map(({ line, column }) => ({ line, column }));
}

function unmark(marked: string) {
  const parts = marked.split('«');
  const places = parts.slice(0, -1).map((_, index) => {
    const lines = parts
      .slice(0, index + 1)
      .join('')
      .split('\n');
    return { line: lines.length, column: [...(lines.at(-1) ?? '')].length + 1 };
  });
  return { text: parts.join(''), places };
}
