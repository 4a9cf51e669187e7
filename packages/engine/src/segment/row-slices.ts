import type { Column } from '@hybridstore/contracts';
import type { Batch } from '../batch/batch.ts';
import { readOffset } from '../batch/batch-codec.ts';
import { columnKind, storedColumnType, valueBytes } from '../batch/column-kind.ts';
import type { RowRange } from '../duckdb/batch-appender.ts';

/** Rows of one batch. */
export type RowSlice = RowRange & { readonly batch: Batch };

/** What is loaded at once. `bytes` are those of the loaded form. */
export type RowSlices = { readonly parts: readonly RowSlice[]; readonly rows: number; readonly bytes: number };

/** A text lies in a cell of its own beside its bytes. */
const textCellBytes = 16;

/**
 * Rows in pieces of at most `bytesMax`, in order; a row that is larger is a piece of its own. The size is that of the rows
 * when they are loaded, not of the frames: a column that a batch does not have yet takes room all the same, and a frame of
 * empty texts takes four times its size.
 */
export function* sliceRows(
  frames: Iterable<{ readonly batch: Batch }>,
  columns: readonly Column[],
  bytesMax: number,
): Generator<RowSlices> {
  const fixedBytes = columns.reduce((sum, column) => sum + cellBytes(column), 0);
  let parts: RowSlice[] = [];
  let [rows, bytes] = [0, 0];
  for (const { batch } of frames) {
    for (let from = 0; from < batch.rows; ) {
      const size = (count: number) => count * fixedBytes + textBytes(batch, from, count);
      const count = largestFitting(batch.rows - from, bytesMax - bytes, size);
      if (count === 0 && rows > 0) {
        yield { parts, rows, bytes };
        parts = [];
        [rows, bytes] = [0, 0];
        continue;
      }
      const taken = Math.max(1, count);
      parts.push({ batch, from, count: taken });
      rows += taken;
      bytes += size(taken);
      from += taken;
    }
  }
  if (rows > 0) yield { parts, rows, bytes };
}

function cellBytes(column: Column): number {
  const kind = columnKind(storedColumnType(column));
  return kind === 'text' ? textCellBytes : valueBytes[kind];
}

function textBytes(batch: Batch, from: number, count: number): number {
  let bytes = 0;
  for (const { kind, offsets } of batch.columns)
    if (kind === 'text') bytes += readOffset(offsets, from + count) - readOffset(offsets, from);
  return bytes;
}

/** The most that fits; `size` grows with its argument. */
function largestFitting(countMax: number, room: number, size: (count: number) => number): number {
  if (size(countMax) <= room) return countMax;
  let [low, high] = [0, countMax - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (size(middle) <= room) low = middle;
    else high = middle - 1;
  }
  return low;
}
