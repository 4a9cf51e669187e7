import type { Column } from '@hybridstore/contracts';
import type { Batch } from '../batch/batch.ts';
import { readOffset } from '../batch/batch-codec.ts';
import { columnKind, storedColumnType, valueBytes } from '../batch/column-kind.ts';
import type { RowRange } from '../duckdb/batch-appender.ts';

/** Rows of one batch that fit what is being loaded, or the end of that: `bytes` are those of the loaded form. */
export type LoadStep =
  | ({ readonly kind: 'rows'; readonly batch: Batch } & RowRange)
  | { readonly kind: 'full'; readonly rows: number; readonly bytes: number };

/** A text lies in a cell of its own beside its bytes. */
const textCellBytes = 16;

/**
 * Rows in loads of at most `bytesMax`, in order, each closed by `full`; a row that is larger is a load of its own. The size
 * is that of the rows when they are loaded, not of the frames: a column that a batch does not have yet takes room all the
 * same, and a frame of empty texts takes four times its size. Given out as they come, because to hold the batches of a
 * whole load costs the garbage collector more than to load them.
 */
export function* loadSteps(
  frames: Iterable<{ readonly batch: Batch }>,
  columns: readonly Column[],
  bytesMax: number,
): Generator<LoadStep> {
  const fixedBytes = columns.reduce((sum, column) => sum + cellBytes(column), 0);
  let [rows, bytes] = [0, 0];
  for (const { batch } of frames) {
    for (let from = 0; from < batch.rows; ) {
      const count = fittingRows(batch, from, { fixedBytes, room: bytesMax - bytes });
      if (count === 0 && rows > 0) {
        yield { kind: 'full', rows, bytes };
        [rows, bytes] = [0, 0];
        continue;
      }
      const taken = Math.max(1, count);
      yield { kind: 'rows', batch, from, count: taken };
      rows += taken;
      bytes += taken * fixedBytes + textBytes(batch, from, taken);
      from += taken;
    }
  }
  if (rows > 0) yield { kind: 'full', rows, bytes };
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

/** How many rows of the batch fit, from one on. */
function fittingRows(
  batch: Batch,
  from: number,
  { fixedBytes, room }: { readonly fixedBytes: number; readonly room: number },
): number {
  const size = (count: number) => count * fixedBytes + textBytes(batch, from, count);
  const rest = batch.rows - from;
  if (size(rest) <= room) return rest;
  let [low, high] = [0, rest - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (size(middle) <= room) low = middle;
    else high = middle - 1;
  }
  return low;
}
