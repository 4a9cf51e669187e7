import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Dialect, ParameterScalar } from '@hybridstore/contracts';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { runPlan } from './corpus-data.ts';

const types = {
  id: 'bigint',
  n: 'integer',
  x: 'double',
  p: 'decimal(10,2)',
  s: 'string',
  d: 'date',
  ts: 'timestamp',
  b: 'boolean',
  doc: 'json',
};
const schemas = new Map([['t', { columns: Object.entries(types).map(([name, type]) => ({ name, type })) }]]);
const setup = `
create table t(id bigint, n integer, x double, p decimal(10,2), s varchar, d date, ts timestamp, b boolean, doc json);
insert into t values
 (1, 1, -4, 1.5, '42abc', '2024-01-31', '2024-01-31 10:00:00', true, '{"a":3.7}'),
 (2, -2, 2.5, -7.25, 'abc', '2024-02-01', '2024-02-01 00:00:00', false, '{"a":"q"}'),
 (3, null, 1e30, null, null, null, null, null, null),
 (4, 9, 0, 99999999.99, ' -7.9e1x', '2024-02-02', '2024-02-02 12:00:00', true, '{}'),
 (5, 3, 0.5, 3, '2024-05-06', '2024-05-06', '2024-05-06 12:00:00', true, '[]');`;

type Options = {
  readonly dialect?: Dialect;
  readonly isStrict?: boolean;
  readonly values?: readonly ParameterScalar[];
};

const parse = (sql: string, { dialect = 'mysql', isStrict = true, values = [] }: Options = {}) =>
  parseSql(sql, schemas, { dialect, isStrict }, values).plan;

/** What each statement answers for the five rows, or for the rows it leaves. */
const answers: readonly (readonly [sql: string, rows: readonly (readonly unknown[])[], options?: Options])[] = [
  ['SELECT CAST(s AS SIGNED) FROM t', [['42'], ['0'], [null], ['-7'], ['2024']]],
  ['SELECT CAST(s AS UNSIGNED) FROM t', [['42'], ['0'], [null], ['18446744073709551609'], ['2024']]],
  ['SELECT CAST(s AS DECIMAL(5,1)) FROM t', [['42.0'], ['0.0'], [null], ['-79.0'], ['2024.0']]],
  ['SELECT CAST(s AS DOUBLE) FROM t', [[42], [0], [null], [-79], [2024]]],
  ['SELECT CAST(x AS SIGNED) FROM t', [['-4'], ['2'], ['9223372036854775807'], ['0'], ['0']]],
  ['SELECT CAST(p AS DECIMAL(3,1)) FROM t', [['1.5'], ['-7.3'], [null], ['99.9'], ['3.0']]],
  ['SELECT CAST(n AS UNSIGNED) FROM t', [['1'], ['18446744073709551614'], [null], ['9'], ['3']]],
  ["SELECT CAST(doc->'$.a' AS SIGNED) FROM t", [['4'], [null], [null], [null], [null]]],
  ["SELECT CAST('12345678901234567.89' AS DECIMAL(30,2))", [['12345678901234567.89']]],
  [
    "SELECT CAST('99999999999999999999' AS SIGNED), CAST(-1 AS UNSIGNED)",
    [['9223372036854775807', '18446744073709551615']],
  ],
  ['SELECT SQRT(x) FROM t WHERE id < 5', [[null], [1.5811388300841898], [1e15], [0]]],
  [
    'SELECT SQRT(-1), LN(0), LOG2(-1), LOG10(0), LOG(1, 2), LOG(2, 8), ASIN(2), ACOS(-2)',
    [[null, null, null, null, null, 3, null, null]],
  ],
  [
    'SELECT YEAR(s), DATE(s), DAYNAME(s) FROM t WHERE id > 3',
    [
      [null, null, null],
      ['2024', '2024-05-06', 'Monday'],
    ],
  ],
  [
    'SELECT CAST(s AS DATE), CAST(s AS DATETIME) FROM t WHERE id > 3',
    [
      [null, null],
      ['2024-05-06', '2024-05-06 00:00:00'],
    ],
  ],
  [
    'SELECT DATE_ADD(s, INTERVAL 1 DAY), DATEDIFF(s, d) FROM t WHERE id > 3',
    [
      [null, null],
      ['2024-05-07 00:00:00', '0'],
    ],
  ],
  ['SELECT FROM_UNIXTIME(x) FROM t WHERE id = 3', [[null]]],
  ['SELECT YEAR(?)', [[null]], { values: ['bad'] }],
  ["SELECT id FROM t WHERE id = '3' OR n = ' -2 '", [['2'], ['3']]],
  ["SELECT id FROM t WHERE id = '3.5'", []],
  ["SELECT id FROM t WHERE p < '1e1' AND b = '1'", [['1'], ['5']]],
  ["SELECT id FROM t WHERE d = '2024/01/31'", [['1']]],
  ["SELECT id FROM t WHERE d > '2024-1-31' AND ts < '2024-02-02 12:00:01'", [['2'], ['4']]],
  ['SELECT id FROM t WHERE d = s', [['5']]],
  ["SELECT '5' + 1, -'3', ABS('-4')", [['6', '-3', 4]]],
  ['SELECT ABS(s) FROM t', [[42], [0], [null], [79], [2024]], { isStrict: false }],
  ['SELECT id AS k FROM t HAVING k > 3', [['4'], ['5']]],
  ['SELECT n * 2 AS k FROM t WHERE id < 3 HAVING k = 2', [['2']]],
  ['SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) AS r FROM t HAVING r = 1', [['5', '1']]],
  ['SELECT COUNT(*) AS k FROM t HAVING k > 5', []],
  ['SELECT id FROM t WHERE s = 42', [['1']], { isStrict: false }],
  ['SELECT s + 1 FROM t', [[43], [1], [null], [-78], [2025]], { isStrict: false }],
  ['SELECT id FROM t WHERE s', [['1'], ['4'], ['5']], { isStrict: false }],
];

/** Faults that stand in the text: what is named, and where. */
const refused: readonly (readonly [sql: string, message: RegExp, column: number, dialect?: Dialect])[] = [
  ["SELECT 'abc' = 0", /'abc' is not a number/, 8],
  ["SELECT id FROM t WHERE id = '3abc'", /'3abc' is not a number/, 29],
  ["SELECT id FROM t WHERE id IN ('1', 'x')", /'x' is not a number/, 36],
  ["SELECT id FROM t WHERE id BETWEEN '1' AND 'b'", /'b' is not a number/, 43],
  ["SELECT CASE id WHEN 'q' THEN 1 END FROM t", /'q' is not a number/, 21],
  ["SELECT id FROM t WHERE 'z' IN (SELECT n FROM t)", /'z' is not a number/, 24],
  ["SELECT id FROM t WHERE 'z' = ANY (SELECT n FROM t)", /'z' is not a number/, 24],
  ["SELECT CAST('42abc' AS SIGNED)", /'42abc' is not a number/, 13],
  ["SELECT 'a' + 1", /'a' is not a number/, 8],
  ["SELECT -'z'", /'z' is not a number/, 9],
  ['SELECT ABS(s) FROM t', /abs takes a number as argument 1, found string/, 8],
  ["SELECT ROUND('x')", /'x' is not a number/, 14],
  ["SELECT FROM_UNIXTIME('abc')", /'abc' is not a number/, 22],
  ["SELECT YEAR('bad')", /'bad' is not a date/, 13],
  ["SELECT CAST('bad' AS DATE)", /'bad' is not a date/, 13],
  ["SELECT DATE('2024-02-30')", /'2024-02-30' is not a date/, 13],
  ["SELECT id FROM t WHERE d = 'bad'", /'bad' is not a date, YYYY-MM-DD/, 28],
  ["SELECT id FROM t WHERE b = 'true'", /'true' is not TRUE, FALSE, 0 or 1/, 28],
  ['SELECT id FROM t WHERE d = 20240131', /a date is compared with a number/, 24],
  ['SELECT id FROM t WHERE b = s', /a text is compared with a condition/, 24],
  ["SELECT DATE_ADD(d, INTERVAL 'x' DAY) FROM t", /'x' is not a number/, 29],
  ['SELECT DATE_ADD(d, INTERVAL s DAY) FROM t', /an interval of a text/, 29],
  ['SELECT CAST(n AS DATE) FROM t', /use STR_TO_DATE/, 13],
  ['SELECT CAST(d AS SIGNED) FROM t', /use DATE_FORMAT/, 13],
  ['SELECT 1 FROM t a JOIN (SELECT s AS id FROM t) c USING (id)', /a text is compared with a number/, 57],
  ["SELECT id FROM t WHERE id = '3.5'", /'3.5' is not a whole number/, 29, 'postgresql'],
  ["SELECT CAST('42abc' AS int)", /'42abc' is not a whole number/, 13, 'postgresql'],
  ['SELECT id FROM t WHERE d = s', /a date is compared with a text/, 24, 'postgresql'],
  ['SELECT id FROM t HAVING id > 2', /column id is neither in GROUP BY/, 8, 'postgresql'],
];

describe('values that MySQL reads leniently', () => {
  let engine: DuckDBConnection;
  before(async () => {
    engine = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    await engine.run(setup);
  });
  after(() => engine.closeSync());

  for (const [sql, rows, options] of answers)
    test(`have MySQL's value: ${sql}`, async () => {
      assert.deepEqual((await runPlan(engine, parse(sql, options))).rows, rows);
    });

  for (const [sql, message, column, dialect] of refused)
    test(`are refused where the text holds the fault: ${sql}${dialect ? ` (${dialect})` : ''}`, () => {
      assert.throws(
        () => parse(sql, dialect ? { dialect } : {}),
        (error: { code: string; message: string; details: Record<string, unknown> }) => {
          assert.match(error.message, message);
          assert.deepEqual(
            [error.code, error.details['line'], error.details['column']],
            ['invalid_request', 1, column],
          );
          return true;
        },
      );
    });
});
