import { type Column, formatDate, formatTimestamp } from '@hybridstore/contracts';
import { assertNever } from '@hybridstore/runtime';
import { type Batch, type BatchColumn, isNullAt } from './batch.ts';
import { readOffset } from './batch-codec.ts';
import { formatDecimal } from './parse-decimal.ts';

/**
 * Rows of a batch in the JSON form of a query's answer: integers beyond 2^53 and decimals as text, dates as YYYY-MM-DD,
 * timestamps as ISO 8601 with microseconds and `Z`. Columns the batch does not have yet are null. For small reads and
 * checks, not for scans.
 */
export function batchRows(batch: Batch, columns: readonly Column[]): Record<string, unknown>[] {
  return Array.from({ length: batch.rows }, (_, row) =>
    Object.fromEntries(
      columns.map((column, index) => {
        const values = batch.columns[index];
        const value = values ? valueAt(values, row) : null;
        return [column.name, column.type === 'json' && typeof value === 'string' ? JSON.parse(value) : value];
      }),
    ),
  );
}

export function valueAt(column: BatchColumn, row: number): string | number | boolean | null {
  if (isNullAt(column, row)) return null;
  if (column.kind === 'text') return textAt(column, row);
  const view = new DataView(column.values.buffer, column.values.byteOffset, column.values.byteLength);
  switch (column.kind) {
    case 'boolean':
      return view.getUint8(row) === 1;
    case 'long':
      return plainInteger(view.getBigInt64(row * 8, true));
    case 'double':
      return plainDouble(view.getFloat64(row * 8, true));
    case 'date':
      return formatDate(view.getInt32(row * 4, true));
    case 'timestamp':
      return formatTimestamp(view.getBigInt64(row * 8, true));
    case 'decimal':
      return formatDecimal(
        (view.getBigInt64(row * 16 + 8, true) << 64n) + view.getBigUint64(row * 16, true),
        column.scale,
      );
    default:
      return assertNever(column.kind);
  }
}

function textAt(column: BatchColumn, row: number): string {
  const { values } = column;
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString(
    'utf8',
    readOffset(column.offsets, row),
    readOffset(column.offsets, row + 1),
  );
}

function plainInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function plainDouble(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
