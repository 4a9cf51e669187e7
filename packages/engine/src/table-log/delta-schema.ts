import { type Column, type ColumnType, columnTypeName } from '@hybridstore/contracts';
import { storedColumnType } from '../batch/column-kind.ts';
import { mappingOfField } from './column-mapping.ts';

/**
 * Columns as a Delta `schemaString`. Types are stored wide (see `duckdb/column-types.ts`); the declared type stands in
 * the field's metadata under `hybridstore.type`, where other engines ignore it.
 */
const storedPrecision = 38;
const declaredTypeKey = 'hybridstore.type';

function deltaType(type: ColumnType): string {
  switch (type.kind) {
    case 'integer':
    case 'bigint':
      return 'long';
    case 'decimal':
      return `decimal(${storedPrecision},${type.scale})`;
    case 'json':
      return 'string';
    default:
      return type.kind;
  }
}

export function encodeDeltaSchema(columns: readonly Column[], isMapped: boolean): string {
  const fields = columns.map((column, index) => {
    const type = storedColumnType(column);
    return {
      name: column.name,
      type: deltaType(type),
      nullable: column.nullable !== false,
      metadata: {
        [declaredTypeKey]: columnTypeName(type),
        ...(isMapped ? mappingOfField(column.name, index) : {}),
      },
    };
  });
  return JSON.stringify({ type: 'struct', fields });
}
