import type { SourceList, SourceSummary } from '@hybridstore/contracts';
import type { SourceState } from '@hybridstore/engine';
import { maySource } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** The sources that the caller may read. */
export async function listSources(node: TenantNode, call: Call): Promise<SourceList> {
  requireOwnTenant(node, call);
  const states = await node.engine.sources();
  return { sources: states.filter((state) => maySource(call.caller, 'read', state.sourceId)).map(summarize) };
}

/** Every source of the tenant, for the catalog and the operator. */
export async function listAllSources(node: TenantNode, call: Call): Promise<SourceList> {
  requireOwnTenant(node, call);
  return { sources: (await node.engine.sources()).map(summarize) };
}

function summarize(state: SourceState): SourceSummary {
  return {
    source_id: state.sourceId,
    definition: state.definition,
    columns: [...state.columns],
    schema_version: state.schemaVersion,
    table_version: state.tableVersion,
  };
}
