import { type SourceAdded, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnSources } from './own-tenant.ts';

/** `POST /sources/add`: creates a source (201), or adds columns to it (200). */
export function routeAddSource(server: Server, node: TenantNode): void {
  server.route(tenantNode.addSource, async (request, reply, context) => {
    const definition = request.body;
    requireOwnSources(context, node.tenantId, 'manage', [definition.source_id]);
    const { created, state } = await node.engine.putSource(definition);
    const answer: SourceAdded = { source_id: state.sourceId, created, schema_version: state.schemaVersion };
    return reply.code(created ? 201 : 200).send(answer);
  });
}
