import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { cancelExecution } from '../domain/verbs/cancel-execution.ts';
import { callOf } from './call-of.ts';

/** `DELETE /internal/executions/:query_id`: stops a running plan. */
export function routeCancelExecution(server: Server, node: TenantNode): void {
  server.route(tenantNode.cancelExecution, ({ params }, _reply, context) => ({
    query_id: params.query_id,
    cancelled: cancelExecution(node, callOf(context), params.query_id),
  }));
}
