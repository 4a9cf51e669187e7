import type { Column, DataSourceSpec, SourceDefinition } from '@hybridstore/contracts';

/** The declaration in the words of the nodes and the catalog. */
export function buildDefinition(spec: DataSourceSpec): SourceDefinition {
  return {
    source_id: spec.sourceId,
    ...(spec.displayName === undefined ? {} : { name: spec.displayName }),
    ...(spec.schema === undefined ? {} : { columns: spec.schema.columns.map(buildColumn) }),
    ...(spec.partitionColumns === undefined ? {} : { partition_columns: spec.partitionColumns }),
    ...(spec.indexColumns === undefined ? {} : { index_columns: spec.indexColumns }),
    ...(spec.primaryKey === undefined ? {} : { primary_key: spec.primaryKey }),
    compression: spec.compression,
    max_file_size_mb: spec.maxFileSizeMB,
    wal_enabled: spec.walEnabled,
    schema_evolution: spec.schemaEvolution,
  };
}

type DeclaredColumn = NonNullable<DataSourceSpec['schema']>['columns'][number];

function buildColumn(column: DeclaredColumn): Column {
  const { name, type, nullable = true, description, collation } = column;
  return {
    name,
    type,
    nullable,
    ...(description === undefined ? {} : { description }),
    ...(collation === undefined ? {} : { collation }),
  };
}
