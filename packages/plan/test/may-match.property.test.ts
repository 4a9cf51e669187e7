import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileStatistics, PruningPredicate } from '@hybridstore/contracts';
import fc from 'fast-check';
import { compareUtf8, mayMatch } from '../src/pruning/may-match.ts';

type Value = string | number | null;
type Row = { readonly n: number | null; readonly s: string | null; readonly d: string | null };

const days = fc
  .integer({ min: 0, max: 400 })
  .map((day) => new Date(Date.UTC(2024, 0, 1 + day)).toISOString().slice(0, 10));
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'Z', 'ż', '\u{1d11e}', '\uffee', ' '), maxLength: 4 });
const numbers = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.integer({ min: -2_000, max: 2_000 }).map((value) => value / 100),
);
const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 4 });
const rows = fc.array(fc.record({ n: nullable(numbers), s: nullable(texts), d: nullable(days) }), {
  minLength: 1,
  maxLength: 6,
});
const values = { n: numbers.map(String), s: texts, d: days } as const;
const predicates = fc.array(
  fc.constantFrom('n', 's', 'd').chain((column) =>
    fc.record({
      column: fc.constant(column),
      operator: fc.constantFrom('eq', 'gt', 'gte', 'lt', 'lte', 'in', 'is_null', 'is_not_null'),
      values: fc.array<string>(values[column as keyof typeof values], { minLength: 1, maxLength: 3 }),
    }),
  ),
  { minLength: 1, maxLength: 3 },
);
const types = new Map([
  ['n', 'decimal(10,2)'],
  ['s', 'string'],
  ['d', 'date'],
]);

function compareValues(a: Value, b: string): number {
  return typeof a === 'number' ? a - Number(b) : compareUtf8(String(a), b);
}

/** What SQL says of one row. */
function satisfies(row: Row, { column, operator, values: wanted }: PruningPredicate): boolean {
  const value = row[column as keyof Row];
  if (operator === 'is_null') return value === null;
  if (value === null) return false;
  if (operator === 'is_not_null') return true;
  const [first = ''] = wanted;
  const order = compareValues(value, first);
  const answers = {
    eq: order === 0,
    gt: order > 0,
    gte: order >= 0,
    lt: order < 0,
    lte: order <= 0,
    in: wanted.some((item) => compareValues(value, item) === 0),
  };
  return answers[operator];
}

function fileOf(content: readonly Row[], missing: readonly boolean[]): FileStatistics {
  const columns = Object.fromEntries(
    (['n', 's', 'd'] as const).flatMap((name, place) => {
      const present = content.map((row) => row[name]).filter((value) => value !== null);
      const sorted = [...present].sort((a, b) => compareValues(a, String(b)));
      const bounds = {
        min: sorted[0] === undefined ? null : String(sorted[0]),
        max: sorted.length === 0 ? null : String(sorted.at(-1)),
      };
      return missing[place] ? [] : [[name, { ...bounds, nulls: content.length - present.length }] as const];
    }),
  );
  return { path: 'a', bytes: 1, rows: content.length, partition: {}, columns, modified_at: 0 };
}

test('a file that holds a row which satisfies every predicate is never removed', () => {
  let removed = 0;
  fc.assert(
    fc.property(
      rows,
      predicates,
      fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      (content, wanted, missing) => {
        // One operand per comparison, as in plans; a list only for IN.
        const single = wanted.map((item) =>
          item.operator === 'in' ? item : { ...item, values: item.values.slice(0, 1) },
        );
        const keeps = mayMatch(fileOf(content, missing), single, types);
        if (!keeps) removed += 1;
        const holds = content.some((row) => single.every((item) => satisfies(row, item)));
        assert.ok(keeps || !holds);
      },
    ),
    { numRuns: 5_000, seed: 7 },
  );
  assert.ok(removed > 500, `${removed} of 5000 files removed`);
});
