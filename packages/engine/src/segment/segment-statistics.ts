import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { type Column, type ColumnStatistics, formatTimestamp } from '@hybridstore/contracts';
import { type ColumnKind, columnKind, storedColumnType } from '../batch/column-kind.ts';
import type { DeltaStatistics } from '../table-log/delta-statistics.ts';
import { placeName } from './place-names.ts';

/**
 * Statistics of the rows of one file, by one aggregation over what is written into it. The forms are those of the Delta
 * protocol: text is cut at 32 code points and its maximum rounded up, timestamps are milliseconds, rounded outwards.
 */
const textCodePointsMax = 32;

type BoundKind = 'none' | 'plain' | 'double' | 'timestamp' | 'text';

function boundKind(column: Column): BoundKind {
  const type = storedColumnType(column);
  if (type.kind === 'json' || type.kind === 'boolean') return 'none';
  const kinds: Readonly<Record<ColumnKind, BoundKind>> = {
    boolean: 'none',
    long: 'plain',
    double: 'double',
    date: 'plain',
    timestamp: 'timestamp',
    decimal: 'plain',
    text: 'text',
  };
  return kinds[columnKind(type)];
}

/** Each aggregate has state of its own: three for each of 2,000 columns at once would take a gigabyte. */
const columnsAtOnce = 100;

/** `select` must yield exactly the rows of the file, its columns under the names of their places. */
export async function readStatistics(
  connection: DuckDBConnection,
  select: string,
  columns: readonly Column[],
): Promise<DeltaStatistics> {
  let rows = 0;
  const entries: [string, ColumnStatistics][] = [];
  for (let from = 0; from < columns.length; from += columnsAtOnce) {
    const some = columns.slice(from, from + columnsAtOnce);
    const terms = some.flatMap((column, index) => statisticsTerms(column, placeName(from + index)));
    const reader = await connection.runAndReadAll(`select count(*), ${terms.join(', ')} from (${select})`);
    const values = reader.getRows()[0] ?? [];
    rows = Number(values[0]);
    for (const [index, column] of some.entries()) {
      const [count, min, max] = values.slice(1 + index * 3, 4 + index * 3);
      entries.push([column.name, columnBounds(column, { nulls: rows - Number(count), min, max })]);
    }
  }
  return { rows, columns: Object.fromEntries(entries) };
}

function statisticsTerms(column: Column, name: string): string[] {
  const side = (which: 'min' | 'max') => {
    switch (boundKind(column)) {
      case 'none':
        return 'null';
      case 'plain':
        return `${which}(${name})::varchar`;
      case 'double':
        return `${which}(${name})`;
      case 'timestamp':
        return `epoch_us(${which}(${name}))`;
      // The smallest text has the smallest beginning, so whole documents need not be compared.
      case 'text':
        return `${which}(left(${name}, ${textCodePointsMax + 1}))`;
    }
  };
  return [`count(${name})`, side('min'), side('max')];
}

function columnBounds(
  column: Column,
  found: { readonly nulls: number; readonly min: DuckDBValue | undefined; readonly max: DuckDBValue | undefined },
): ColumnStatistics {
  const kind = boundKind(column);
  return { min: boundText(kind, found.min, 'min'), max: boundText(kind, found.max, 'max'), nulls: found.nulls };
}

function boundText(kind: BoundKind, value: DuckDBValue | undefined, side: 'min' | 'max'): string | null {
  if (value === null || value === undefined || kind === 'none') return null;
  if (kind === 'double') return typeof value === 'number' && Number.isFinite(value) ? String(value) : null;
  if (kind === 'timestamp') return roundedTimestamp(BigInt(String(value)), side);
  if (kind === 'plain') return String(value);
  return side === 'min' ? cutText(String(value)) : cutTextUp(String(value));
}

/** Microseconds as ISO 8601 with milliseconds: the minimum rounded down, the maximum up. */
export function roundedTimestamp(micros: bigint, side: 'min' | 'max'): string | null {
  const remainder = ((micros % 1_000n) + 1_000n) % 1_000n;
  const millis = remainder !== 0n && side === 'max' ? micros - remainder + 1_000n : micros - remainder;
  const text = formatTimestamp(millis);
  // Rounding up may leave the four-digit years; no bound is better than one that nobody can read.
  return text.length === 27 ? `${text.slice(0, 23)}Z` : null;
}

function cutText(text: string): string {
  const points = [...text];
  return points.length <= textCodePointsMax ? text : points.slice(0, textCodePointsMax).join('');
}

/** A text that is not below any text with the same first 32 code points; null when there is none. */
export function cutTextUp(text: string): string | null {
  const points = [...text];
  if (points.length <= textCodePointsMax) return text;
  for (let at = textCodePointsMax - 1; at >= 0; at -= 1) {
    const next = nextCodePoint(points[at]!.codePointAt(0)!);
    if (next !== undefined) return points.slice(0, at).join('') + String.fromCodePoint(next);
  }
  return null;
}

function nextCodePoint(point: number): number | undefined {
  if (point === 0x10ffff) return undefined;
  return point === 0xd7ff ? 0xe000 : point + 1;
}
