import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { logPositions } from '../domain/verbs/log-positions.ts';
import { callOf } from './call-of.ts';

/** `GET /internal/log/positions`: asked by the other members, again and again. */
export function routeLogPositions(server: Server, node: TenantNode): void {
  server.route(tenantNode.logPositions, (_request, _reply, context) => logPositions(node, callOf(context)));
}
