import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type Dialect, dialects } from '@hybridstore/contracts';
import { isRecord } from '@hybridstore/runtime';
import { readTables } from '../src/parsing/from-clauses.ts';
import { readCases } from './corpus-cases.ts';
import { samples } from './field-samples.ts';

const names = (text: string, dialect: Dialect = 'postgresql') =>
  [...new Set(readTables(text, dialect).map(({ name }) => name))].sort();

const read: readonly (readonly [text: string, tables: string])[] = [
  ['SELECT EXTRACT(DAY FROM d), TRIM(a FROM b), SUBSTRING(a FROM 2) FROM t', 't'],
  ['SELECT NTH_VALUE(a, 2) FROM FIRST OVER (ORDER BY b), FIRST_VALUE(a) OVER w FROM t', 't'],
  ['SELECT 1 FROM t WHERE a IS DISTINCT FROM b AND a IS NOT DISTINCT FROM c', 't'],
  ['SELECT (SELECT MAX(x) FROM u), EXISTS (SELECT 1 FROM v) FROM t', 't u v'],
  ['SELECT 1 FROM t AS a (x, y), unnest(ARRAY[1, 2]) u(z), generate_series(1, 2), v', 't v'],
  ['SELECT 1 FROM t, LATERAL (SELECT 1 FROM u WHERE u.a = t.a) x, LATERAL unnest(t.b), v', 't u v'],
  ["SELECT 1 FROM t, JSON_TABLE((SELECT 1 FROM u), '$' COLUMNS (n FOR ORDINALITY, a INT PATH '$')) AS j, v", 't u v'],
  ['SELECT 1 FROM ((t JOIN u USING (a, b)) JOIN (SELECT 1 FROM v) x ON x.from = 1), w', 't u v w'],
  ['SELECT 1 FROM t GROUP BY a, b HAVING COUNT(*) > 1 ORDER BY c, d LIMIT 1', 't'],
  ['WITH c (a, b) AS (SELECT 1 FROM t), d AS (TABLE u) SELECT 1 FROM c, d', 'c d t'],
  ['(SELECT 1 FROM t) UNION ALL ((SELECT 1 FROM u) EXCEPT SELECT 1 FROM v)', 't u v'],
  ['SELECT 1 FROM s.t NATURAL JOIN "U""x" LEFT JOIN v ON v.a IN (1, 2), w', 't u"x v w'],
  ['SELECT \', from x\' AS "from y" /* from z */ FROM t -- , w', 't'],
  ['SELECT ((SELECT 1 FROM t) = 1 OR (SELECT 2 FROM u) = 2)', 't u'],
];

describe('the reader of FROM clauses', () => {
  for (const [text, tables] of read)
    test(`reads ${text}`, () => {
      assert.deepEqual(names(text), tables.split(' '));
    });

  test('reads what is special to a dialect', () => {
    assert.deepEqual(names('FROM t SELECT a WHERE b IN (FROM u)', 'duckdb'), ['t', 'u']);
    assert.deepEqual(names("SELECT 1 FROM '/etc/passwd'", 'duckdb'), ['/etc/passwd']);
    assert.deepEqual(names('SELECT 1 FROM t USE INDEX FOR ORDER BY (i), u USE KEY FOR JOIN (k), v', 'mysql'), [
      't',
      'u',
      'v',
    ]);
    assert.deepEqual(names('SELECT "from x" FROM `a``b` STRAIGHT_JOIN t # , u', 'mysql'), ['a`b', 't']);
  });

  test('gives the place of each table', () => {
    assert.deepEqual(readTables('SELECT 1 FROM t, u', 'mysql'), [
      { name: 't', offset: 14 },
      { name: 'u', offset: 17 },
    ]);
  });

  describe('over the corpus', () => {
    let engine: DuckDBConnection;
    before(async () => {
      engine = await (await DuckDBInstance.create(':memory:')).connect();
    });
    after(() => engine.closeSync());

    for (const dialect of dialects)
      test(`names the tables that DuckDB's parser names, of ${dialect} where it reads the text`, async () => {
        let compared = 0;
        for (const { sql } of [...samples, ...readCases()].filter((one) => one.dialect === dialect)) {
          const tables = await tablesOfEngine(engine, dialect === 'mysql' ? sql.replaceAll('`', '"') : sql);
          if (!tables) continue;
          assert.deepEqual(names(sql, dialect), tables, sql);
          compared += 1;
        }
        assert.ok(compared > 100, `${compared} statements`);
      });
  });
});

async function tablesOfEngine(engine: DuckDBConnection, sql: string): Promise<readonly string[] | undefined> {
  const answer = await engine.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql]);
  const tree: unknown = JSON.parse(String(answer.getRows()[0]?.[0]));
  if (isRecord(tree) && tree['error'] === true) return undefined;
  const found = new Set<string>();
  collectTables(tree, found);
  return [...found].sort();
}

function collectTables(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  if ('type' in value && value.type === 'BASE_TABLE' && 'table_name' in value)
    found.add(String(value.table_name).toLowerCase());
  for (const child of Object.values(value)) collectTables(child, found);
}
