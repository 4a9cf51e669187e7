import type { CatalogSource } from '@hybridstore/contracts';
import type { StoredSource } from './ports.ts';

/** A source in the words of the wire. */
export function describeSource(source: StoredSource): CatalogSource {
  return {
    tenant_id: source.tenantId,
    source_id: source.sourceId,
    definition: source.definition,
    columns: [...source.columns],
    schema_version: source.schemaVersion,
    table_version: source.tableVersion ?? 0,
    rows: source.rows,
    bytes: source.bytes,
    files: source.files,
    unflushed_rows: Object.values(source.unflushedRows).reduce((sum, rows) => sum + rows, 0),
    last_commit_at: source.lastCommitAt,
    last_compaction_at: source.lastCompactionAt,
    updated_at: new Date(source.updatedAtMs).toISOString(),
  };
}
