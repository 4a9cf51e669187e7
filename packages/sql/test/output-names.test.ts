import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Dialect } from '@hybridstore/contracts';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { corpusSchemas } from './corpus-data.ts';

function namesOf(dialect: Dialect, sql: string, values: readonly number[] = []): readonly string[] {
  const { columns } = parseSql(sql, corpusSchemas, { dialect, isStrict: true }, values);
  return columns.map((column) => column.name);
}

describe('an output without an alias', () => {
  test('is named by its text in MySQL and DuckDB', () => {
    for (const dialect of ['mysql', 'duckdb'] as const) {
      assert.deepEqual(namesOf(dialect, 'SELECT 1'), ['1']);
      assert.deepEqual(namesOf(dialect, 'SELECT 1+1, -1, (2), 1 - -1'), ['1 + 1', '-1', '(2)', '1 - -1']);
      assert.deepEqual(namesOf(dialect, 'SELECT Count( * ), sum(s.amount)/2 FROM sales s'), [
        'Count(*)',
        'sum(s.amount) / 2',
      ]);
      assert.deepEqual(namesOf(dialect, 'SELECT CASE WHEN 1 = 1 THEN 2 END, (SELECT 1), ?', [1]), [
        'CASE WHEN 1 = 1 THEN 2 END',
        '(SELECT 1)',
        '?',
      ]);
      assert.deepEqual(namesOf(dialect, 'SELECT substring(note, 1, 2), s.note, note n FROM sales AS s'), [
        'substring(note, 1, 2)',
        'note',
        'n',
      ]);
    }
    assert.deepEqual(namesOf('mysql', "SELECT 'it''s', 'a' = 'b'"), ["it's", "'a' = 'b'"]);
    assert.deepEqual(namesOf('duckdb', "SELECT 'a', note IS NOT DISTINCT FROM 'b' FROM sales"), [
      "'a'",
      "note IS NOT DISTINCT FROM 'b'",
    ]);
  });

  test('is named by the first block of a statement, whatever stands around it', () => {
    assert.deepEqual(namesOf('duckdb', 'WITH t AS (SELECT 1 AS a) SELECT a + 1, t.a FROM t'), ['a + 1', 'a']);
    assert.deepEqual(namesOf('duckdb', '((SELECT 1 + 2)) UNION SELECT 3'), ['1 + 2']);
    assert.deepEqual(namesOf('duckdb', 'SELECT DISTINCT ON (quantity % 2) quantity % 2, -quantity FROM sales'), [
      'quantity % 2',
      '-quantity',
    ]);
    assert.deepEqual(namesOf('mysql', 'SELECT c.*, 1 FROM customers c').at(-1), '1');
  });

  test('of an inner block has a name that can be written', () => {
    assert.deepEqual(namesOf('mysql', 'SELECT x.* FROM (SELECT 1, count(*), 2 AS b) x'), ['column_0', 'count(*)', 'b']);
  });

  test('is named by function, type or column in PostgreSQL', () => {
    const expected: Readonly<Record<string, string>> = {
      '1': '?column?',
      'amount + 1': '?column?',
      '-2.5::int': '?column?',
      '~quantity': '?column?',
      "'1'::int": 'int4',
      '1.5::numeric::float8': 'float8',
      'amount::text': 'amount',
      "DATE '2024-01-01'": '?column?',
      "INTERVAL '1 day'": 'interval',
      'upper(note)': 'upper',
      'STRPOS(note, note)': 'strpos',
      "position('a' in note)": 'position',
      'substr(note, 1)': 'substr',
      'mod(7, 3)': 'mod',
      'row_number() OVER (ORDER BY day)': 'row_number',
      current_date: 'current_date',
      'extract(year FROM day)': 'extract',
      'CASE WHEN active THEN 1 END': 'case',
      'CASE WHEN active THEN note ELSE customer_id END': 'customer_id',
      'EXISTS (SELECT 1)': 'exists',
      '(SELECT max(credit) FROM customers)': 'max',
      '(SELECT 1 AS x)': 'x',
      '(SELECT 1)': '?column?',
      'ARRAY[1]': 'array',
      '(note)': 'note',
    };
    for (const [text, name] of Object.entries(expected))
      assert.deepEqual(namesOf('postgresql', `SELECT ${text} FROM sales`), [name], text);
  });
});
