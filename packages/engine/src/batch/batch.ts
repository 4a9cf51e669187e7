import type { ColumnKind } from './column-kind.ts';

/**
 * Rows by column, as views into the bytes they were decoded from. Columns come in the order of the schema version the
 * batch was written with; a table only ever adds columns at the end, so position i is column i of any later version.
 */
export type Batch = { readonly rows: number; readonly columns: readonly BatchColumn[] };

export type BatchColumn = {
  readonly kind: ColumnKind;
  /** Digits after the point, for decimals. */
  readonly scale: number;
  readonly hasNulls: boolean;
  /** Bit i of byte i/8, lowest first: 1 = a value, 0 = null. Padded to 8 bytes. */
  readonly validity: Uint8Array;
  /** Fixed-width values, little-endian, zero for nulls. For text: the UTF-8 bytes of all values. */
  readonly values: Uint8Array;
  /** For text: `rows + 1` offsets into `values`, u32 little-endian. Empty for other kinds. */
  readonly offsets: Uint8Array;
};

export function isNullAt(column: BatchColumn, row: number): boolean {
  return column.hasNulls && ((column.validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
}
