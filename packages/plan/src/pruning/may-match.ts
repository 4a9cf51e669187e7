import type { ColumnStatistics, FileStatistics, PruningPredicate } from '@hybridstore/contracts';
import { parseTimestampMicros } from '../timestamp-text.ts';
import { isNumberType } from './statistic-value.ts';

/** Column types by name, as in the source's schema. */
export type ColumnTypes = ReadonlyMap<string, string>;

/** Whether a file can hold a row that satisfies every predicate it was prepared for. */
export type FileMatcher = (file: FileStatistics) => boolean;

/**
 * Whether a file can hold a row that satisfies every predicate. Missing or unreadable statistics keep the file: pruning
 * may only remove. The writer must leave `max` null for a double column that holds NaN, which sorts above every number.
 * For one file; who asks about many prepares the predicates once.
 */
export function mayMatch(file: FileStatistics, predicates: readonly PruningPredicate[], types: ColumnTypes): boolean {
  return prepareMatcher(predicates, types)(file);
}

/**
 * Reads the values of the predicates once, for thousands of files. Bounds are kept beside the statistics they were read
 * from, so a second question about the same files reads no text at all.
 */
export function prepareMatcher(predicates: readonly PruningPredicate[], types: ColumnTypes): FileMatcher {
  const matchers = predicates.map((predicate) => prepareOne(predicate, types.get(predicate.column)));
  return (file) => file.rows > 0 && matchers.every((matches) => matches(file));
}

function prepareOne(predicate: PruningPredicate, type: string | undefined): FileMatcher {
  if (type === undefined) return () => true;
  const matchesBounds = prepareBounds(predicate, type);
  return (file) => {
    const statistics = statisticsOf(file, predicate.column);
    if (!statistics) return true;
    if (predicate.operator === 'is_null') return statistics.nulls !== 0;
    if (statistics.nulls === file.rows) return false;
    return predicate.operator === 'is_not_null' || matchesBounds(knownBounds(statistics, type));
  };
}

/** A value that cannot be read may be equal to anything. */
function prepareBounds(predicate: PruningPredicate, type: string): (bounds: Bounds) => boolean {
  const wanted = predicate.values.map((value) => readValue(value, type));
  const known = wanted.filter((value) => value !== undefined);
  if (known.length < wanted.length) return () => true;
  if (predicate.operator !== 'eq' && predicate.operator !== 'in')
    return (bounds) => known.some((value) => mayHold(bounds, value, predicate.operator));
  const sorted = known.sort(compareValues);
  return (bounds) => holdsOneOf(bounds, sorted);
}

/** Whether the least value that is not below the bounds is not above them either. `sorted` is ascending. */
function holdsOneOf(bounds: Bounds, sorted: readonly Comparable[]): boolean {
  let [low, high] = [0, bounds.min === undefined ? 0 : sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const value = sorted[middle];
    if (value !== undefined && bounds.min !== undefined && compareValues(value, bounds.min) < 0) low = middle + 1;
    else high = middle;
  }
  const least = sorted[low];
  return least !== undefined && (bounds.max === undefined || compareValues(bounds.max, least) >= 0);
}

type KnownBounds = { readonly type: string; readonly bounds: Bounds };
const boundsByStatistics = new WeakMap<ColumnStatistics, KnownBounds>();

function knownBounds(statistics: ColumnStatistics, type: string): Bounds {
  const known = boundsByStatistics.get(statistics);
  if (known?.type === type) return known.bounds;
  const bounds = readBounds(statistics, type);
  boundsByStatistics.set(statistics, { type, bounds });
  return bounds;
}

const statisticsByPartition = new WeakMap<FileStatistics['partition'], Map<string, ColumnStatistics>>();

/** A partition value is the value of every row of the file. One object a file and column, so that its bounds can be kept. */
export function statisticsOf(file: FileStatistics, column: string): ColumnStatistics | undefined {
  if (!Object.hasOwn(file.partition, column))
    return Object.hasOwn(file.columns, column) ? file.columns[column] : undefined;
  const known = statisticsByPartition.get(file.partition) ?? new Map<string, ColumnStatistics>();
  const value = file.partition[column] ?? null;
  const statistics = known.get(column) ?? { min: value, max: value, nulls: value === null ? file.rows : 0 };
  if (!known.has(column)) statisticsByPartition.set(file.partition, known.set(column, statistics));
  return statistics;
}

export type Comparable =
  | { readonly kind: 'exact'; readonly value: bigint; readonly scale: number }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string };
type Bounds = { readonly min: Comparable | undefined; readonly max: Comparable | undefined };

function mayHold(bounds: Bounds, wanted: Comparable, operator: PruningPredicate['operator']): boolean {
  const above = bounds.max === undefined ? 1 : compareValues(bounds.max, wanted);
  const below = bounds.min === undefined ? -1 : compareValues(bounds.min, wanted);
  switch (operator) {
    case 'gt':
      return above > 0;
    case 'gte':
      return above >= 0;
    case 'lt':
      return below < 0;
    case 'lte':
      return below <= 0;
    default:
      return below <= 0 && above >= 0;
  }
}

function readBounds(statistics: ColumnStatistics, type: string): Bounds {
  const min = statistics.min === null ? undefined : readValue(statistics.min, type);
  const max = statistics.max === null ? undefined : readValue(statistics.max, type);
  // Delta cuts timestamps to milliseconds, so the greatest row may lie up to 999 µs above the bound.
  const widened = type === 'timestamp' && max?.kind === 'exact' ? { ...max, value: max.value + 999n } : max;
  return { min, max: widened };
}

export function readValue(value: string, type: string): Comparable | undefined {
  if (type === 'double' || type === 'float') {
    const number = Number(value);
    return value.trim() === '' || Number.isNaN(number) ? undefined : { kind: 'double', value: number };
  }
  if (isNumberType(type)) return readDecimal(value);
  if (type === 'date' || type === 'timestamp') {
    const micros = parseTimestampMicros(value);
    return micros === undefined ? undefined : { kind: 'exact', value: micros, scale: 0 };
  }
  if (type === 'boolean') return value === 'true' || value === 'false' ? { kind: 'text', value } : undefined;
  return type === 'string' ? { kind: 'text', value } : undefined;
}

function readDecimal(value: string): Comparable | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value);
  if (!match) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  const digits = BigInt(whole + fraction);
  return { kind: 'exact', value: sign === '-' ? -digits : digits, scale: fraction.length };
}

export function compareValues(a: Comparable, b: Comparable): number {
  if (a.kind === 'double' && b.kind === 'double') return a.value - b.value || 0;
  if (a.kind === 'text' && b.kind === 'text') return compareUtf8(a.value, b.value);
  if (a.kind !== 'exact' || b.kind !== 'exact') return 0;
  const scale = Math.max(a.scale, b.scale);
  const left = a.value * 10n ** BigInt(scale - a.scale);
  const right = b.value * 10n ** BigInt(scale - b.scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Order of UTF-8 bytes, which is the order of code points; JavaScript's own order differs beyond U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    if (isHigh(left) !== isHigh(right)) return isHigh(left) ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}
