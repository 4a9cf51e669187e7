import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { PlanExpression } from '@hybridstore/contracts';
import { finishPlan, integer, MadeUpNames, type PlanFunction, planFunctions, printDuckdb } from '@hybridstore/plan';
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
      const found = await violation(printCall(known));
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
      const { sql } = printDuckdb(plan, { names: new MadeUpNames() });
      assert.equal(await violation(sql), undefined, sql);
    }
  });

  const admitted = [
    'WITH RECURSIVE _w0(_c0) AS (SELECT 1 UNION ALL SELECT _c0 + 1 FROM _w0 WHERE _c0 < 3) SELECT * FROM _w0',
    'SELECT * FROM (VALUES (1), (2)) AS _r0(_c0) ORDER BY _c0 LIMIT 1 OFFSET 1',
    'SELECT * FROM _s0 AS _r0, LATERAL (SELECT unnest(_r0._c0) AS _c1) AS _r1',
    'SELECT count(*) FILTER (WHERE _c0 > 1), sum(_c0) OVER (PARTITION BY _c1 ORDER BY _c2) FROM _s0 GROUP BY ROLLUP (_c1)',
    'SELECT * FROM _s0 AS _r0 WHERE _r0._c0 IN (SELECT _r1._c0 FROM _s0 AS _r1) AND EXISTS (SELECT 1)',
    'SELECT _r0._c0 FROM _s0 AS _r0 ASOF JOIN _s0 AS _r1 ON _r0._c0 >= _r1._c0 UNION ALL SELECT 1 INTERSECT SELECT 2',
    'WITH _w0 AS (SELECT 1 AS _c0) SELECT * FROM (SELECT (SELECT _c0 FROM _w0)) AS _r0',
    'WITH _w0 AS (SELECT 1 AS _c0), _w1 AS (SELECT _c0 FROM _w0) SELECT * FROM _w1 JOIN _w0 USING (_c0)',
    'SELECT struct_pack("any name; of -- a field" := 1) AS _c0',
  ];
  for (const text of admitted) {
    it(`admits ${text}`, async () => {
      assert.equal(await violation(text, ['_s0']), undefined);
    });
  }

  const path = '"/data/tables/hr/*.parquet"';
  const refused = [
    'SELECT * FROM _s0 AS _r0, _s1 AS _r1',
    'SELECT * FROM main._s0',
    'SELECT main.read_text(_c0) FROM _s0',
    'SELECT system.main.sum(_c0) FROM _s0',
    "SELECT * FROM (FROM read_parquet(['x']))",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    'SELECT 1 WHERE 1 IN (SELECT * FROM "t.csv")',
    "SELECT sum(_c0) OVER (ORDER BY getenv('A')) FROM _s0",
    "SELECT count(*) FILTER (WHERE getvariable('a')) FROM _s0",
    'SELECT list_transform([1], lambda _j0: getenv(_j0))',
    'SELECT list_transform([1], lambda x: x)',
    'SELECT * FROM histogram(_s0, _c0)',
    "SELECT * FROM repeat('a', 3)",
    'SELECT * FROM unnest([1])',
    'SELECT CASE WHEN true THEN current_database() END',
    'WITH _w0 AS (SELECT * FROM sqlite_master) SELECT 1',
    'SELECT * FROM (SUMMARIZE SELECT 1)',
    "SELECT nextval('x')",
    'SELECT * FROM information_schema.tables',
    'SELECT * FROM pg_catalog.pg_class',
    'FROM duckdb_secrets()',
    "SELECT * FROM _s0 ORDER BY getenv('A') LIMIT (SELECT count(*) FROM glob('*'))",
    'SELECT current_user',
    'SELECT "current_setting" FROM _s0',
    "SELECT COLUMNS('.*') FROM _s0",
    'SELECT * EXCLUDE (id) FROM _s0',
    'SELECT * FROM _s0 AS a',
    'SELECT 1 AS a',
    'SELECT _c0 COLLATE NOCASE FROM _s0',
    'SELECT * FROM _s0 JOIN _s0 AS _r1 USING (id)',
    'SELECT * FROM (VALUES (1)) AS _r0(a)',
    'SELECT * FROM _s0 AS _r0(a)',
    'PIVOT _s0 ON _c0 USING sum(_c1)',
    'SELECT * FROM _s0 TABLESAMPLE 10%',
    'SELECT * FROM _s0 AT (VERSION => 1)',
    // A name that is a path, wherever the engine looks for a table before it looks for a common table.
    `WITH RECURSIVE ${path}(_c0) AS (SELECT '' UNION ALL SELECT _c0 FROM ${path} UNION ALL SELECT '') SELECT * FROM ${path}`,
    `WITH RECURSIVE ${path}(_c0) AS (SELECT _c0 FROM ${path} UNION ALL SELECT '') SELECT * FROM ${path}`,
    `SELECT * FROM (WITH ${path} AS (SELECT 1) SELECT 2) AS _r0, ${path}`,
    // The same without a path: out of scope is out of scope.
    "WITH RECURSIVE _w0(_c0) AS (SELECT '' UNION ALL SELECT _c0 FROM _w0 UNION ALL SELECT '') SELECT * FROM _w0",
    "WITH RECURSIVE _w0(_c0) AS (SELECT _c0 FROM _w0 UNION ALL SELECT '') SELECT * FROM _w0",
    'WITH RECURSIVE _w0(_c0) AS (SELECT _c0 FROM _w0) SELECT * FROM _w0',
    'WITH RECURSIVE _w0(_c0) AS (SELECT 1 INTERSECT SELECT _c0 FROM _w0) SELECT * FROM _w0',
    'WITH _w0 AS (SELECT _c0 FROM _w0) SELECT * FROM _w0',
    'WITH _w0 AS (SELECT _c0 FROM _w1), _w1 AS (SELECT 1 AS _c0) SELECT * FROM _w0',
    'SELECT * FROM (WITH _w0 AS (SELECT 1) SELECT 2) AS _r0, _w0',
    '(WITH _w0 AS (SELECT 1) SELECT * FROM _w0) UNION ALL SELECT * FROM _w0',
  ];
  for (const text of refused) {
    it(`refuses ${text}`, async () => {
      assert.notEqual(await violation(text, ['_s0']), undefined);
    });
  }
});

function printCall({ name, argumentsMin, kind, knownText }: PlanFunction): string {
  const zone: PlanExpression = { kind: 'literal', type: 'string', value: 'Europe/Vienna' };
  const zoneAt = knownText?.as === 'time_zone' ? knownText.argument : undefined;
  const value: PlanExpression = {
    kind: 'call',
    function: name,
    arguments: Array.from({ length: argumentsMin }, (_, index) => (index === zoneAt ? zone : integer(1))),
    ...(kind === 'window' ? { over: { partitionBy: [], orderBy: [] } } : {}),
  };
  const plan = finishPlan({ kind: 'query', body: { kind: 'select', projections: [{ name: 'v', value }] } });
  return printDuckdb(plan, { names: new MadeUpNames() }).sql;
}
