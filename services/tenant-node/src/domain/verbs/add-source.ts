import type { SourceAdded, SourceDefinition } from '@hybridstore/contracts';
import { type Call, requireOwnSources } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Creates a source for a user, or adds columns to it. */
export async function addSource(node: TenantNode, call: Call, definition: SourceDefinition): Promise<SourceAdded> {
  requireOwnSources(node, call, 'manage', [definition.source_id]);
  const { created, state } = await node.engine.addToSource(definition);
  return { source_id: state.sourceId, created, schema_version: state.schemaVersion };
}
