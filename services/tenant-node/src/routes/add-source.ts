import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { addSource } from '../domain/verbs/add-source.ts';
import { callOf } from './call-of.ts';

/** `POST /sources/add`: creates a source (201), or adds columns to it (200). */
export function routeAddSource(server: Server, node: TenantNode): void {
  server.route(tenantNode.addSource, async (request, reply, context) => {
    const added = await addSource(node, callOf(context), request.body);
    return reply.code(added.created ? 201 : 200).send(added);
  });
}
