import type { SourceList, SourceSummary } from '@hybridstore/contracts';
import type { SourceListing, SourceState } from '@hybridstore/engine';
import { maySource } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** The sources that the caller may read. */
export async function listSources(node: TenantNode, call: Call): Promise<SourceList> {
  requireOwnTenant(node, call);
  const { states, damaged } = await node.engine.sources();
  const mayRead = (sourceId: string) => maySource(call.caller, 'read', sourceId);
  return answer({ states: states.filter(({ sourceId }) => mayRead(sourceId)), damaged: damaged.filter(mayRead) });
}

/** Every source of the tenant, for the catalog and the operator. */
export async function listAllSources(node: TenantNode, call: Call): Promise<SourceList> {
  requireOwnTenant(node, call);
  return answer(await node.engine.sources());
}

function answer({ states, damaged }: SourceListing): SourceList {
  return { sources: states.map(summarize), ...(damaged.length === 0 ? {} : { damaged: [...damaged] }) };
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
