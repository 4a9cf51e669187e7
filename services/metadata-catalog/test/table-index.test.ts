import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Column, FileStatistics } from '@hybridstore/contracts';
import fc from 'fast-check';
import { boundOrder } from '../src/domain/bound-order.ts';
import { TableCache } from '../src/domain/table-cache.ts';
import { TableIndex } from '../src/domain/table-index.ts';
import { testFile } from './test-files.ts';

const columns: Column[] = [
  { name: 'id', type: 'bigint' },
  { name: 'day', type: 'date' },
  { name: 'city', type: 'string' },
  { name: 'amount', type: 'decimal(20,2)' },
];
const head = (more: Column[] = columns, primary_key?: string[]) => ({
  columns: more,
  definition: { source_id: 'events', columns: more, ...(primary_key ? { primary_key } : {}) },
});
const file = (path: string, day: number, more: Partial<FileStatistics> = {}) =>
  testFile(path, {
    rows: 100,
    bytes: 1_000,
    columns: {
      id: { min: String(day * 100), max: String(day * 100 + 99), nulls: 0 },
      day: { min: isoDay(day), max: isoDay(day), nulls: 0 },
    },
    ...more,
  });
const isoDay = (day: number) => new Date(day * 86_400_000).toISOString().slice(0, 10);

test('only files whose bounds may match are counted', () => {
  const index = new TableIndex(
    head(),
    [0, 1, 2, 3].map((day) => file(`f${day}`, day)),
  );
  const match = (operator: 'eq' | 'gte', value: string) => index.match([{ column: 'day', operator, values: [value] }]);
  assert.deepEqual(match('eq', isoDay(2)), { matched_rows: 100, matched_bytes: 1_000, matched_files: 1 });
  assert.deepEqual(match('gte', isoDay(1)), { matched_rows: 300, matched_bytes: 3_000, matched_files: 3 });
  assert.deepEqual(index.match([]), { matched_rows: 400, matched_bytes: 4_000, matched_files: 4 });
  assert.deepEqual(match('eq', isoDay(9)), { matched_rows: 0, matched_bytes: 0, matched_files: 0 });
});

test('a file without statistics of a column is kept and makes the bounds of that column unknown', () => {
  const index = new TableIndex(head(), [file('a', 0), file('b', 1, { columns: {} })]);
  assert.equal(index.match([{ column: 'id', operator: 'eq', values: ['5'] }]).matched_files, 2);
  assert.deepEqual(index.columnStatistics()['id'], { min: null, max: null, nulls: null, distinct: null });
});

test('a column of nulls in one file says nothing about its bounds in the others', () => {
  const index = new TableIndex(head(), [
    file('a', 0),
    file('b', 1, { columns: { id: { min: null, max: null, nulls: 100 } } }),
  ]);
  assert.deepEqual(index.columnStatistics()['id'], { min: '0', max: '99', nulls: 100, distinct: 100 });
});

test('partition values are bounds, and their number is exact', () => {
  const files = ['oslo', 'rome', 'oslo', null].map((city, index) => file(`f${index}`, index, { partition: { city } }));
  const index = new TableIndex(head(), files);
  assert.deepEqual(index.columnStatistics()['city'], { min: 'oslo', max: 'rome', nulls: 100, distinct: 2 });
  assert.equal(index.match([{ column: 'city', operator: 'eq', values: ['rome'] }]).matched_files, 1);
});

test('distinct values of whole numbers and days are at most the width of their range and at most the rows', () => {
  const wide = new TableIndex(head(), [file('a', 0), file('b', 5_000)]);
  assert.equal(wide.columnStatistics()['id']?.distinct, 200);
  const narrow = new TableIndex(head(), [file('a', 0, { columns: { id: { min: '7', max: '9', nulls: 4 } } })]);
  assert.deepEqual(narrow.columnStatistics()['id'], { min: '7', max: '9', nulls: 4, distinct: 3 });
  const days = new TableIndex(head(), [
    file('a', 0, { columns: { day: { min: '2026-01-01', max: '2026-01-31', nulls: 0 } } }),
  ]);
  assert.equal(days.columnStatistics()['day']?.distinct, 31);
});

test('a key is as distinct as there are rows, and text is not guessed at', () => {
  const index = new TableIndex(head(columns, ['city']), [
    file('a', 0, { columns: { city: { min: 'a', max: 'z', nulls: 0 } } }),
  ]);
  assert.equal(index.columnStatistics()['city']?.distinct, 100);
  const plain = new TableIndex(head(), [file('a', 0, { columns: { city: { min: 'a', max: 'z', nulls: 0 } } })]);
  assert.equal(plain.columnStatistics()['city']?.distinct, null);
});

test('large integers and decimals are ordered exactly, text by code points', () => {
  const order = (type: string, values: string[]) => [...values].sort(boundOrder(type));
  assert.deepEqual(order('bigint', ['9007199254740993', '9007199254740992', '-9223372036854775808', '10', '9']), [
    '-9223372036854775808',
    '9',
    '10',
    '9007199254740992',
    '9007199254740993',
  ]);
  assert.deepEqual(order('decimal(38,2)', ['12345678901234567.10', '12345678901234567.9', '2']), [
    '2',
    '12345678901234567.10',
    '12345678901234567.9',
  ]);
  assert.deepEqual(order('string', ['\u{1f600}', '\uffee', 'b', 'B']), ['B', 'b', '\uffee', '\u{1f600}']);
  assert.deepEqual(order('double', ['NaN', 'Infinity', '-1.5', '1e3']), ['-1.5', '1e3', 'Infinity', 'NaN']);
});

test('after any changes the index says what a new one of the same files would', () => {
  const step = fc.record({
    removed: fc.array(fc.nat(20), { maxLength: 4 }),
    added: fc.array(fc.tuple(fc.nat(20), fc.nat(30), fc.nat(50)), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const index = new TableIndex(head(), []);
      const model = new Map<string, FileStatistics>();
      for (const { removed, added } of steps) {
        const files = [
          ...new Map(added.map(([name, day, rows]) => [`f${name}`, file(`f${name}`, day, { rows })])).values(),
        ];
        index.apply(head(), { removed: removed.map((name) => `f${name}`), added: files });
        for (const name of removed) model.delete(`f${name}`);
        for (const one of files) model.set(one.path, one);
        const fresh = new TableIndex(head(), [...model.values()]);
        assert.deepEqual(index.totals, fresh.totals);
        assert.deepEqual(index.columnStatistics(), fresh.columnStatistics());
      }
    }),
    { numRuns: 50 },
  );
});

test('an added column is unknown in the files that came before it', () => {
  const index = new TableIndex(head(columns.slice(0, 1)), [file('a', 0)]);
  assert.deepEqual(Object.keys(index.columnStatistics()), ['id']);
  index.apply(head(), { removed: [], added: [] });
  assert.deepEqual(index.columnStatistics()['amount'], { min: null, max: null, nulls: null, distinct: null });
});

test('the cache lets the least recently used tables go and never holds one that is too heavy', () => {
  const table = (files: number) =>
    new TableIndex(
      head(),
      Array.from({ length: files }, (_, index) => file(`f${index}`, index)),
    );
  const cache = new TableCache(100);
  cache.set('a', table(8));
  cache.set('b', table(8));
  cache.get('a');
  cache.set('c', table(8));
  assert.deepEqual(
    [cache.get('a') !== undefined, cache.get('b'), cache.get('c') !== undefined],
    [true, undefined, true],
  );
  cache.set('huge', table(1_000));
  assert.deepEqual([cache.size, cache.get('huge')], [2, undefined]);
});
