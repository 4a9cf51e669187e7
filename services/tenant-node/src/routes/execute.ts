import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnSources } from './own-tenant.ts';
import { sendLines, sendWhole } from './query-answer.ts';

/** `POST /internal/execute`: runs a plan for the user whose token the call carries. */
export function routeExecute(server: Server, node: TenantNode): void {
  server.route(tenantNode.execute, async (request, reply, context) => {
    const body = request.body;
    // Checked against the scans by `checkPlan`, so the list can be trusted once the query starts.
    const sourceIds = body.plan.tables.map((table) => table.source);
    requireOwnSources(context, node.tenantId, 'read', sourceIds);
    const isStream = body.format === 'rows_ndjson';
    const query = await node.queries.start({
      queryId: body.query_id,
      plan: body.plan,
      consistency: body.consistency,
      shape: isStream ? 'object' : 'array',
      separator: isStream ? '\n' : ',',
      deadlineMs: Math.min(body.deadline_ms, context.deadlineMs ?? body.deadline_ms),
      signal: context.signal,
      ...(body.result_rows_max === undefined ? {} : { rowsMax: body.result_rows_max }),
      ...(body.result_bytes_max === undefined ? {} : { bytesMax: body.result_bytes_max }),
    });
    return isStream ? sendLines(reply, query, context) : sendWhole(reply, query, { field: 'rows', hasColumns: true });
  });
}
