import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Dialect, dialects, isHybridStoreError } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { compileDsl, compileSearch } from '../src/dsl/compile-dsl.ts';
import { parseSql } from '../src/parsing/parse-sql.ts';

const columns = [
  { name: 'ts', type: 'timestamp' },
  { name: 'day', type: 'date' },
  { name: 'name', type: 'string' },
  { name: 'id', type: 'bigint' },
];
const schemas: PlanSchemas = new Map([['t', { columns }]]);
const parse = (sql: string, dialect: Dialect, values: Parameters<typeof parseSql>[3] = []) =>
  parseSql(sql, schemas, { dialect, isStrict: true }, values).plan;

/** Zero dates, days that no calendar has, hours that no clock has. */
const impossible = [
  '0000-00-00',
  '0000-00-00 00:00:00',
  '2023-02-30',
  '2024-13-01',
  '2023-02-29 12:00',
  '2024-05-01 25:00:00',
];

const conditions = [
  'ts = X',
  'X < ts',
  'ts IN (X)',
  'ts NOT BETWEEN X AND ts',
  'COALESCE(ts, X) IS NULL',
  'GREATEST(ts, X) = ts',
  'CASE WHEN id = 1 THEN ts ELSE X END IS NULL',
  'NULLIF(ts, X) IS NULL',
  'ts = CAST(X AS TIMESTAMP)',
  'ts = TIMESTAMP X',
  'EXTRACT(YEAR FROM X) = 1',
  "ts < X + INTERVAL '1' DAY",
  'YEAR(X) = 1',
  "date_trunc('day', X) = ts",
];

describe('a text that is no date of the calendar', () => {
  for (const dialect of dialects) {
    it(`is refused by ${dialect} with its place, before anything runs`, () => {
      for (const text of impossible) {
        for (const condition of conditions) {
          const sql = `SELECT id\nFROM t WHERE ${condition.replace(/\bX\b/, `'${text}'`)}`;
          const column = sql.split('\n')[1]!.indexOf(`'${text}'`) + 1;
          assert.throws(
            () => parse(sql, dialect),
            (error) =>
              isHybridStoreError(error, 'invalid_request') &&
              error.message.includes(`'${text}' is not`) &&
              error.details['line'] === 2 &&
              error.details['column'] === column,
            `${dialect} ${sql}`,
          );
        }
      }
    });

    it(`is refused by ${dialect} as a parameter, by its name`, () => {
      for (const text of impossible)
        assert.throws(
          () => parse('SELECT id FROM t WHERE ts >= :since', dialect, { since: text }),
          (error) => isHybridStoreError(error, 'invalid_request') && error.details['parameter'] === ':since',
          text,
        );
    });
  }

  it('is refused by the DSL and by a search, by field', () => {
    const condition = { field: 'ts', operator: 'gte', value: '2023-02-30' } as const;
    const isRefused = (error: unknown) =>
      isHybridStoreError(error, 'invalid_request') && error.details['field'] === 'ts';
    for (const value of impossible) {
      const conditions = [{ ...condition, value }];
      assert.throws(() => compileDsl({ query_type: 'filter', source: 't', conditions }, schemas), isRefused, value);
      assert.throws(() => compileSearch({ source_id: 't', conditions }, schemas), isRefused, value);
    }
  });

  it('is text where it meets no date', () => {
    for (const dialect of dialects) assert.ok(parse("SELECT id FROM t WHERE name = '2023-02-30'", dialect));
  });
});

describe('a bound text', () => {
  it('is a text and a time in one statement', () => {
    const text = '2024-05-01T12:00:00+02:00';
    for (const dialect of dialects) {
      const { parameters } = parse('SELECT id FROM t WHERE name = :x OR ts = :x OR day < :x', dialect, { x: text });
      assert.deepEqual(
        parameters.map(({ type, value }) => ({ type, value })),
        [
          { type: 'string', value: text },
          { type: 'timestamp', value: '2024-05-01 10:00:00.000000' },
          { type: 'timestamp', value: '2024-05-01 10:00:00.000000' },
        ],
        dialect,
      );
    }
  });

  it('is bound once where every use reads it alike', () => {
    const { parameters } = parse('SELECT id FROM t WHERE ts >= :x AND ts <= :x', 'postgresql', { x: '2024-05-01' });
    assert.deepEqual(parameters, [{ type: 'timestamp', value: '2024-05-01 00:00:00.000000' }]);
  });

  it('that is no time is refused where it is read as one, not where it is a text', () => {
    assert.ok(parse('SELECT id FROM t WHERE name = :x', 'postgresql', { x: 'bad' }));
    assert.throws(
      () => parse('SELECT id FROM t WHERE name = :x OR ts = :x', 'postgresql', { x: 'bad' }),
      /parameter :x/,
    );
  });
});
