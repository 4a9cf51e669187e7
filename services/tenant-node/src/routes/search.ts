import type { SearchRequest } from '@hybridstore/contracts';
import { tenantNode } from '@hybridstore/contracts';
import type { CallContext, Server } from '@hybridstore/http';
import { compileSearch } from '@hybridstore/sql/dsl';
import type { TenantNode } from '../domain/node.ts';
import type { RunningQuery } from '../domain/query-runner.ts';
import { requireOwnSources } from './own-tenant.ts';
import { createQueryId, deadlineOf, sendWhole } from './query-answer.ts';

/** `POST /data/search`: records of one or several sources. */
export function routeSearch(server: Server, node: TenantNode): void {
  server.route(tenantNode.search, async (request, reply, context) => {
    const query = await startSearch(node, request.body, context, ',');
    return sendWhole(reply, query, { field: 'records', hasColumns: false });
  });
}

/** A search as a query whose rows are `{source_id, fields}`. */
export async function startSearch(
  node: TenantNode,
  body: SearchRequest,
  context: CallContext,
  separator: ',' | '\n',
): Promise<RunningQuery> {
  const sourceIds = [
    ...new Set([...(body.source_ids ?? []), ...(body.source_id === undefined ? [] : [body.source_id])]),
  ];
  requireOwnSources(context, node.tenantId, 'read', sourceIds);
  const schemas = await node.queries.schemas(sourceIds);
  return node.queries.start({
    queryId: createQueryId(),
    plan: compileSearch(body, schemas),
    consistency: body.consistency ?? 'strict',
    shape: 'object',
    separator,
    deadlineMs: deadlineOf(body.timeout_seconds, context),
    signal: context.signal,
  });
}
