import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileStatistics, PruningPredicate } from '@hybridstore/contracts';
import { mayMatch, prepareMatcher } from '../src/pruning/may-match.ts';

const file = (min: string | null, max: string | null, more: Partial<FileStatistics> = {}): FileStatistics => ({
  path: 'a.parquet',
  bytes: 1,
  rows: 10,
  partition: {},
  columns: { x: { min, max, nulls: 0 } },
  modified_at: 0,
  ...more,
});
const where = (operator: PruningPredicate['operator'], ...values: string[]): PruningPredicate[] => [
  { column: 'x', operator, values },
];

const cases: readonly [string, string | null, string | null, PruningPredicate[], boolean][] = [
  ['bigint', '5', '9', where('in', '1', '4', '10', '20'), false],
  ['bigint', '5', '9', where('in', '20', '7', '1'), true],
  ['bigint', '5', '9', where('in', '9'), true],
  ['bigint', null, '9', where('in', '10'), false],
  ['bigint', null, '9', where('in', '10', '3'), true],
  ['bigint', '5', null, where('in', '4'), false],
  ['bigint', '5', '9', where('in'), false],
  ['bigint', '5', '9', where('in', 'rubbish'), true],
  ['bigint', '9007199254740993', '9007199254740993', where('eq', '9007199254740992'), false],
  ['decimal(10,2)', '1.50', '1.50', where('eq', '1.5'), true],
  [
    'timestamp',
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00.000Z',
    where('eq', '2026-01-01 00:00:00.000999'),
    true,
  ],
  ['timestamp', '2026-01-01T00:00:00.000Z', '2026-01-01T23:00:00.000Z', where('gt', '2026-01-01T23:00:00.001Z'), false],
  ['date', '2026-02-28', '2026-02-28', where('eq', '2026-02-29'), true],
  ['date', '2026-02-28', '2026-02-28', where('eq', '2026-02-27'), false],
  ['json', '1', '1', where('eq', '2'), true],
];

for (const [type, min, max, predicates, expected] of cases)
  test(`${type} from ${min} to ${max} ${expected ? 'may hold' : 'cannot hold'} ${JSON.stringify(predicates[0])}`, () => {
    const types = new Map([['x', type]]);
    assert.equal(mayMatch(file(min, max), predicates, types), expected);
    const matches = prepareMatcher(predicates, types);
    const one = file(min, max);
    assert.deepEqual([matches(one), matches(one)], [expected, expected]);
  });

test('bounds that were read for one type are read anew for another', () => {
  const one = file('10', '9');
  assert.equal(mayMatch(one, where('eq', '5'), new Map([['x', 'bigint']])), false);
  assert.equal(mayMatch(one, where('eq', '5'), new Map([['x', 'string']])), true);
});

test('a partition value goes before the statistics of the same name', () => {
  const one = file('1', '9', { partition: { x: '3' } });
  const types = new Map([['x', 'bigint']]);
  assert.deepEqual(
    [3, 4].map((value) => mayMatch(one, where('eq', String(value)), types)),
    [true, false],
  );
});
