import type { Column, ColumnType } from '@hybridstore/contracts';
import { columnKind, columnKinds, storedColumnType } from './column-kind.ts';

export type EncoderSchema = {
  readonly columns: readonly Column[];
  readonly partitionColumns: readonly string[];
  readonly isDocument: boolean;
};

/** UTF-8 bytes of one text or JSON value. */
export const textBytesMax = 8 * 1024 * 1024;

export type EncodedColumn = {
  readonly name: string;
  readonly type: ColumnType;
  readonly kindCode: number;
  readonly scale: number;
  readonly isNullable: boolean;
  /** Delta reads an empty partition value as null, so partition columns refuse it. */
  readonly refusesEmpty: boolean;
};

export function encodedColumn(column: Column, partitionColumns: readonly string[]): EncodedColumn {
  const type = storedColumnType(column);
  return {
    name: column.name,
    type,
    kindCode: columnKinds.indexOf(columnKind(type)),
    scale: type.kind === 'decimal' ? type.scale : 0,
    isNullable: column.nullable !== false,
    refusesEmpty: partitionColumns.includes(column.name),
  };
}
