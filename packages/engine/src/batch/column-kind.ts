import type { Column, ColumnType } from '@hybridstore/contracts';
import { parseColumnType } from '@hybridstore/contracts';
import { assert } from '@hybridstore/runtime';

/**
 * How a column's values lie in a batch. Several types share one layout: `integer` and `bigint` are both 8-byte integers
 * (only their range check differs), `string` and `json` are both UTF-8.
 */
export const columnKinds = ['boolean', 'long', 'double', 'date', 'timestamp', 'decimal', 'text'] as const;
export type ColumnKind = (typeof columnKinds)[number];

/** Bytes per value; 0 for text, whose values are found through offsets. Decimals are 128-bit integers, low word first. */
export const valueBytes: Readonly<Record<ColumnKind, number>> = {
  boolean: 1,
  long: 8,
  double: 8,
  date: 4,
  timestamp: 8,
  decimal: 16,
  text: 0,
};

const kindOfType: Readonly<Record<ColumnType['kind'], ColumnKind>> = {
  string: 'text',
  boolean: 'boolean',
  integer: 'long',
  bigint: 'long',
  double: 'double',
  date: 'date',
  timestamp: 'timestamp',
  json: 'text',
  decimal: 'decimal',
};

/** The type of a stored column: definitions are checked before they are stored, so an unknown name is our own fault. */
export function storedColumnType(column: Column): ColumnType {
  const type = parseColumnType(column.type);
  assert(type, `column ${column.name} has the unknown type ${column.type}`);
  return type;
}

export function columnKind(type: ColumnType): ColumnKind {
  return kindOfType[type.kind];
}
