import { type SourceAdded, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `PUT /internal/sources/:source_id`: a source as a DataSource declares it. */
export function routePutSource(server: Server, node: TenantNode): void {
  server.route(tenantNode.putSource, async (request, _reply, context): Promise<SourceAdded> => {
    requireOwnTenant(context, node.tenantId);
    const { source_id } = request.params;
    const definition = request.body;
    if (definition.source_id !== source_id)
      throw new HybridStoreError('invalid_request', 'source_id: expected the one of the path', {
        field: 'source_id',
        expected: source_id,
        actual: definition.source_id,
      });
    const { created, state } = await node.engine.putSource(definition);
    return { source_id: state.sourceId, created, schema_version: state.schemaVersion };
  });
}
