import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { nodeProblems } from '../domain/verbs/node-problems.ts';
import { callOf } from './call-of.ts';

/** `GET /internal/problems`: for the operator's conditions. */
export function routeProblems(server: Server, node: TenantNode): void {
  server.route(tenantNode.problems, (_request, _reply, context) => nodeProblems(node, callOf(context)));
}
