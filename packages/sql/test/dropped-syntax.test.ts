import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Dialect, dialects } from '@hybridstore/contracts';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { corpusSchemas } from './corpus-data.ts';

const parse = (sql: string, dialect: Dialect = 'mysql') =>
  parseSql(sql, corpusSchemas, { dialect, isStrict: true }, []);

type Refused = readonly [sql: string, names: RegExp, line: number, column: number, dialect?: Dialect];

const refused: readonly Refused[] = [
  ['SELECT COUNT(*) FROM sales LATERAL VIEW explode(note) v AS b', /LATERAL VIEWS/, 1, 55],
  ['SELECT COUNT(*) FROM (sales JOIN customers\nLATERAL VIEW explode(note) v AS b)', /LATERAL VIEWS/, 2, 28],
  ['SELECT /*+ SET_VAR(sql_mode="ANSI") */ note FROM sales', /HINT/, 1, 40],
  ['SELECT nth_value(amount, 2) FROM LAST OVER (ORDER BY day) FROM sales', /FROM LAST/, 1, 18],
  ['SELECT customer_id FROM sales GROUP BY DISTINCT ROLLUP(customer_id)', /GROUP BY DISTINCT/, 1, 56, 'postgresql'],
  ["SELECT CAST(note AS DATE FORMAT '%Y') FROM sales", /FORMAT/, 1, 26],
  ['SELECT CAST(order_date AS timestamp(0)) FROM sales', /size of type timestamp/, 1, 13, 'postgresql'],
  ['SELECT CAST(order_date AS DATETIME(3)) FROM sales', /size of type timestamp/, 1, 13],
  ['SELECT * EXCLUDE (nothing) FROM sales', /no column nothing/, 1, 19, 'duckdb'],
  ['SELECT * REPLACE (1 AS nothing) FROM sales', /no column nothing/, 1, 24, 'duckdb'],
  ['SELECT note FROM sales TABLESAMPLE (10 PERCENT)', /SAMPLE/, 1, 18, 'postgresql'],
  ['SELECT note FROM ONLY sales', /ONLY/, 1, 18, 'postgresql'],
  ['SELECT TIMESTAMPDIFF(sales.day, day, day) FROM sales', /COLUMN with TABLE/, 1, 22],
  ['SELECT note FROM sales FOR UPDATE', /LOCKS/, 1, 8],
];

describe('syntax that the binder does not read', () => {
  for (const [sql, names, line, column, dialect] of refused)
    test(`is refused by its name and place: ${sql.replace('\n', ' ')}`, () => {
      assert.throws(
        () => parse(sql, dialect),
        (error: { message: string; details: Record<string, unknown> }) => {
          assert.match(error.message, names);
          assert.deepEqual([error.details['line'], error.details['column']], [line, column], error.message);
          return true;
        },
      );
    });
});

describe('syntax that means nothing', () => {
  for (const dialect of dialects)
    test(`changes no plan in ${dialect}`, () => {
      const plain = parse('SELECT note FROM sales GROUP BY note HAVING COUNT(*) > 1 ORDER BY note LIMIT 1', dialect);
      const decorated = parse(
        'SELECT /* a */ note /* b */ FROM /* c */ sales /* d */ GROUP BY /* e */ note HAVING /* f */ COUNT(*) > 1 ORDER BY /* g */ note ASC LIMIT /* h */ 1',
        dialect,
      );
      assert.deepEqual(decorated.plan, plain.plan);
    });

  test('as advice to an optimizer, changes no plan', () => {
    const plain = parse('SELECT note FROM sales');
    assert.deepEqual(parse('SELECT /*+ MAX_EXECUTION_TIME(9) */ note FROM sales USE INDEX (i)').plan, plain.plan);
  });
});
