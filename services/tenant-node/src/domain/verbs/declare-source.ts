import type { SourceAdded, SourceDefinition } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

export type DeclareInput = { readonly sourceId: string; readonly definition: SourceDefinition };

/** Creates or widens a source as a DataSource declares it. */
export async function declareSource(node: TenantNode, call: Call, input: DeclareInput): Promise<SourceAdded> {
  requireOwnTenant(node, call);
  const { sourceId, definition } = input;
  if (definition.source_id !== sourceId)
    throw new HybridStoreError('invalid_request', 'source_id: expected the one of the path', {
      field: 'source_id',
      expected: sourceId,
      actual: definition.source_id,
    });
  const { created, state } = await node.engine.putSource(definition);
  return { source_id: state.sourceId, created, schema_version: state.schemaVersion };
}
