import type { Column } from '@hybridstore/contracts';
import type { Batch, BatchColumn, ColumnKind } from '@hybridstore/engine/duckdb';
import { assert } from '@hybridstore/runtime';

const typeOfKind: Readonly<Record<Exclude<ColumnKind, 'decimal'>, string>> = {
  boolean: 'boolean',
  long: 'bigint',
  double: 'double',
  date: 'date',
  timestamp: 'timestamp',
  text: 'string',
};

/**
 * The columns of a batch, as text: batches of one shape fit one table. A fresh table has `lsn`, then the batch's columns by
 * position, `c0`, `c1`, …. Names are left out because a batch has none; a view gives them.
 */
export function shapeOf(batch: Batch): string {
  return batch.columns.map(columnTypeOf).join(' ');
}

function columnTypeOf(column: BatchColumn): string {
  return column.kind === 'decimal' ? `decimal(38,${column.scale})` : typeOfKind[column.kind];
}

export function columnsOfShape(shape: string): number {
  return shape === '' ? 0 : shape.split(' ').length;
}

export function tableColumns(shape: string): readonly Column[] {
  const types = shape === '' ? [] : shape.split(' ');
  return [{ name: 'lsn', type: 'bigint' }, ...types.map((type, index) => ({ name: `c${index}`, type }))];
}

/** The batch with its LSN on every row, as a fresh table holds it. */
export function withLsn(batch: Batch, lsn: number): Batch {
  assert(Number.isSafeInteger(lsn) && lsn > 0, `${lsn} is not an LSN`);
  const values = new Uint8Array(batch.rows * 8);
  new BigInt64Array(values.buffer).fill(BigInt(lsn));
  const column: BatchColumn = { kind: 'long', scale: 0, hasNulls: false, validity: empty, values, offsets: empty };
  return { rows: batch.rows, columns: [column, ...batch.columns] };
}
const empty = new Uint8Array(0);
