import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { drainNode } from '../domain/verbs/drain-node.ts';
import { callOf } from './call-of.ts';

/** `POST /internal/drain`: begins the hand-over, reports how far it is, or takes it back. */
export function routeDrain(server: Server, node: TenantNode): void {
  server.route(tenantNode.drain, (request, _reply, context) =>
    drainNode(node, callOf(context), { isCancelled: request.body.cancel === true }),
  );
}
