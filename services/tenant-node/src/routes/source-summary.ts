import type { SourceList } from '@hybridstore/contracts';
import type { SourceState } from '@hybridstore/engine';

export function summarizeSource(state: SourceState): SourceList['sources'][number] {
  return {
    source_id: state.sourceId,
    definition: state.definition,
    columns: [...state.columns],
    schema_version: state.schemaVersion,
    table_version: state.tableVersion,
  };
}
