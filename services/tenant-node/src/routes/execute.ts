import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { executePlan } from '../domain/verbs/execute-plan.ts';
import { callOf } from './call-of.ts';
import { sendLines, sendWhole } from './query-answer.ts';

/** `POST /internal/execute`: runs a plan for the user whose token the call carries. */
export function routeExecute(server: Server, node: TenantNode): void {
  server.route(tenantNode.execute, async (request, reply, context) => {
    const query = await executePlan(node, callOf(context), request.body);
    return request.body.format === 'rows_ndjson'
      ? sendLines(reply, query, context)
      : sendWhole(reply, query, { field: 'rows', hasColumns: true });
  });
}
