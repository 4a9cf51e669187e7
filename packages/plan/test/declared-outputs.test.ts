import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declaredOutputs, type PlanSchemas } from '@hybridstore/plan';
import { parseSql } from '@hybridstore/sql/parsing';

const columns = [
  { name: 'id', type: 'integer' },
  { name: 'long', type: 'bigint' },
  { name: 'name', type: 'string' },
];
const schemas: PlanSchemas = new Map([['t', { columns }]]);

function typesOf(sql: string): string {
  const { query } = parseSql(sql, schemas, { dialect: 'postgresql', isStrict: true }, []).plan;
  return declaredOutputs(query, schemas)
    .map(({ name, type = '-' }) => `${name} ${type}`)
    .join(', ');
}

const statements: readonly (readonly [string, string])[] = [
  ['SELECT id, long, name FROM t', 'id integer, long bigint, name string'],
  ['SELECT id AS i, id + 1 AS next, count(id) AS n FROM t GROUP BY id', 'i integer, next -, n -'],
  [
    'SELECT min(id) AS a, max(long) AS b, lag(id) OVER (ORDER BY id) AS c FROM t GROUP BY id',
    'a integer, b bigint, c integer',
  ],
  ['SELECT x.a FROM (SELECT id, name FROM t) AS x (a)', 'a integer'],
  ['WITH w (a) AS (SELECT id FROM t) SELECT a FROM w', 'a integer'],
  ['SELECT a.id, b.long FROM t AS a LEFT JOIN t AS b ON a.id = b.id', 'id integer, long bigint'],
  ['SELECT id FROM t UNION ALL SELECT id FROM t', 'id integer'],
  ['SELECT id FROM t UNION ALL SELECT long FROM t', 'id -'],
  ['SELECT id FROM t UNION ALL SELECT 1', 'id -'],
  ['WITH RECURSIVE r (n) AS (SELECT id FROM t UNION ALL SELECT n FROM r WHERE n < 3) SELECT n FROM r', 'n -'],
  ['SELECT v.a FROM (VALUES (1)) AS v (a)', 'a -'],
];
for (const [sql, types] of statements) test(`${sql} shows ${types}`, () => assert.equal(typesOf(sql), types));
