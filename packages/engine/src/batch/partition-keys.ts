import { HybridStoreError } from '@hybridstore/runtime';
import { type BatchColumn, isNullAt } from './batch.ts';
import { readOffset } from './batch-codec.ts';
import { valueAt } from './batch-rows.ts';
import { valueBytes } from './column-kind.ts';

/** Each becomes a file, and a flush takes at least one batch: with more it would never end in its time. */
export const partitionsPerBatchMax = 2_000;

export function tooManyPartitions(found: number): HybridStoreError {
  return new HybridStoreError(
    'too_large',
    `records: expected at most ${partitionsPerBatchMax} partition values, found ${found}`,
    { field: 'records', expected: `at most ${partitionsPerBatchMax} partition values`, actual: found },
  );
}

/** By the bytes of the values first: texts are made of those that differ. */
export function distinctKeys(columns: readonly BatchColumn[], rows: number): readonly string[] {
  const bytes = columns.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  const firstRows = new Map<string, number>();
  for (let row = 0; row < rows; row += 1) {
    let raw = '';
    for (const [index, column] of columns.entries()) raw += rawValue(column, bytes[index]!, row);
    if (!firstRows.has(raw)) firstRows.set(raw, row);
  }
  return [...firstRows.values()].map((row) => JSON.stringify(columns.map((column) => keyValue(column, row))));
}

/** Its length in front: values of several columns must not run into each other. */
function rawValue(column: BatchColumn, bytes: Buffer, row: number): string {
  if (isNullAt(column, row)) return 'null;';
  const size = valueBytes[column.kind];
  const [from, to] =
    column.kind === 'text'
      ? [readOffset(column.offsets, row), readOffset(column.offsets, row + 1)]
      : [row * size, (row + 1) * size];
  return `${to - from}:${bytes.toString('latin1', from, to)}`;
}

function keyValue(column: BatchColumn, row: number): string | null {
  const value = valueAt(column, row);
  return value === null ? null : String(value);
}
