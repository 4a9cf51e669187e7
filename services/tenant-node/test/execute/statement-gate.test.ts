import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { PlanExpression } from '@hybridstore/contracts';
import { finishPlan, integer, planFunctions, printDuckdb } from '@hybridstore/plan';
import { gateFunctions } from '../../src/execute/child/gate-functions.ts';
import { findViolation } from '../../src/execute/child/statement-gate.ts';

describe('the gate', () => {
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  before(async () => {
    instance = await DuckDBInstance.create(':memory:');
    connection = await instance.connect();
  });
  after(() => {
    connection.closeSync();
    instance.closeSync();
  });

  async function violation(text: string, views: readonly string[] = []): Promise<string | undefined> {
    const reader = await connection.runAndReadAll('SELECT json_serialize_sql(CAST($1 AS VARCHAR))', [text]);
    return findViolation(String(reader.value(0, 0)), { views: new Set(views), functions: gateFunctions });
  }

  it('lets every function of the plan through', async () => {
    const refused: string[] = [];
    for (const known of planFunctions) {
      const found = await violation(printCall(known.name, known.argumentsMin, known.kind));
      if (found !== undefined) refused.push(`${known.name}: ${found}`);
    }
    assert.deepEqual(refused, []);
  });

  it('lets every operator and special form of the plan through', async () => {
    const one = integer(1);
    const two = integer(2);
    const text: PlanExpression = { kind: 'literal', type: 'string', value: 'a' };
    const json: PlanExpression = { kind: 'literal', type: 'json', value: '{}' };
    const list: PlanExpression = { kind: 'array', items: [one, two] };
    const expressions: readonly PlanExpression[] = [
      ...(['add', 'subtract', 'multiply', 'divide', 'integer_divide', 'modulo', 'power'] as const).map(
        (operator): PlanExpression => ({ kind: 'arithmetic', operator, operands: [one, two] }),
      ),
      ...(['bit_and', 'bit_or', 'bit_xor', 'shift_left', 'shift_right'] as const).map(
        (operator): PlanExpression => ({ kind: 'arithmetic', operator, operands: [one, two] }),
      ),
      ...(['negate', 'bit_not'] as const).map(
        (operator): PlanExpression => ({ kind: 'arithmetic', operator, operands: [one] }),
      ),
      { kind: 'concat', operands: [text, text] },
      ...[true, false].flatMap((negated) =>
        [true, false].flatMap((caseInsensitive): PlanExpression[] => [
          { kind: 'like', value: text, pattern: text, caseInsensitive, negated },
          { kind: 'like', value: text, pattern: text, escape: '!', caseInsensitive, negated },
        ]),
      ),
      { kind: 'json_path', value: json, path: ['a', 0], as: 'json' },
      { kind: 'json_path', value: json, path: ['a', 0], as: 'text' },
      ...(
        ['microsecond', 'millisecond', 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const
      ).map((unit): PlanExpression => ({ kind: 'interval', value: one, unit })),
      { kind: 'extract', part: 'year', value: { kind: 'literal', type: 'date', value: '2024-01-01' } },
      list,
      { kind: 'row', items: [one, text] },
      { kind: 'struct', fields: [{ name: 'a', value: one }] },
      { kind: 'field', value: { kind: 'struct', fields: [{ name: 'a', value: one }] }, name: 'a' },
      { kind: 'element', value: list, index: one },
      { kind: 'cast', value: text, type: 'integer', try: true },
    ];
    for (const value of expressions) {
      const plan = finishPlan({ kind: 'query', body: { kind: 'select', projections: [{ name: 'v', value }] } });
      const { sql } = printDuckdb(plan);
      assert.equal(await violation(sql), undefined, sql);
    }
  });

  const admitted = [
    'WITH RECURSIVE "t"("n") AS (SELECT 1 UNION ALL SELECT "n" + 1 FROM "t" WHERE "n" < 3) SELECT * FROM "t"',
    'SELECT * FROM (VALUES (1), (2)) AS v(a) ORDER BY a LIMIT 1 OFFSET 1',
    'SELECT * FROM "s" AS a, LATERAL (SELECT unnest(a.l) AS u) AS x',
    'SELECT count(*) FILTER (WHERE x > 1), sum(x) OVER (PARTITION BY y ORDER BY z) FROM "s" GROUP BY ROLLUP (y)',
    'SELECT * FROM "s" AS a WHERE a.x IN (SELECT b.x FROM "s" AS b) AND EXISTS (SELECT 1)',
    'SELECT a.x FROM "s" AS a ASOF JOIN "s" AS b ON a.x >= b.x UNION ALL SELECT 1 INTERSECT SELECT 2',
    'WITH "c" AS (SELECT 1 AS x) SELECT * FROM (SELECT (SELECT x FROM "c")) AS d',
  ];
  for (const text of admitted) {
    it(`admits ${text}`, async () => {
      assert.equal(await violation(text, ['s']), undefined);
    });
  }

  const refused = [
    'SELECT * FROM "s" AS a, "other" AS b',
    'SELECT * FROM main."s"',
    'SELECT main.read_text(x) FROM "s"',
    'SELECT system.main.sum(x) FROM "s"',
    "SELECT * FROM (FROM read_parquet(['x']))",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    'SELECT 1 WHERE 1 IN (SELECT * FROM "t.csv")',
    'SELECT sum(x) OVER (ORDER BY getenv(\'A\')) FROM "s"',
    'SELECT count(*) FILTER (WHERE getvariable(\'a\')) FROM "s"',
    'SELECT list_transform([1], lambda x: getenv(x))',
    'SELECT CASE WHEN true THEN current_database() END',
    'WITH a AS (SELECT * FROM sqlite_master) SELECT 1',
    'SELECT * FROM (SUMMARIZE SELECT 1)',
    "SELECT nextval('x')",
    'SELECT * FROM information_schema.tables',
    'SELECT * FROM pg_catalog.pg_class',
    'FROM duckdb_secrets()',
    "SELECT * FROM \"s\" ORDER BY getenv('A') LIMIT (SELECT count(*) FROM glob('*'))",
  ];
  for (const text of refused) {
    it(`refuses ${text}`, async () => {
      assert.notEqual(await violation(text, ['s']), undefined);
    });
  }
});

function printCall(name: string, argumentCount: number, kind: 'scalar' | 'aggregate' | 'window'): string {
  const value: PlanExpression = {
    kind: 'call',
    function: name,
    arguments: Array.from({ length: argumentCount }, () => integer(1)),
    ...(kind === 'window' ? { over: { partitionBy: [], orderBy: [] } } : {}),
  };
  return printDuckdb(finishPlan({ kind: 'query', body: { kind: 'select', projections: [{ name: 'v', value }] } })).sql;
}
