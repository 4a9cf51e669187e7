import type { AnswerFormat, ExecuteRequest } from '@hybridstore/contracts';
import { userOf } from '@hybridstore/runtime';
import { type Call, requireOwnSources } from '../call.ts';
import type { TenantNode } from '../node.ts';
import type { QueryRequest, RunningQuery } from '../query-runner.ts';

/** How rows are written in each form of an answer. */
export const rowForms: Readonly<Record<AnswerFormat, Pick<QueryRequest, 'shape' | 'separator'>>> = {
  rows_json: { shape: 'array', separator: ',' },
  rows_ndjson: { shape: 'object', separator: '\n' },
  rows_csv: { shape: 'csv', separator: '\n' },
  rows_arrow: { shape: 'arrow', separator: '\n' },
};

/** Runs a plan for the user whose token the call carries. */
export async function executePlan(node: TenantNode, call: Call, request: ExecuteRequest): Promise<RunningQuery> {
  // Checked against the scans by `checkPlan`, so the list can be trusted once the query starts.
  const sourceIds = request.plan.tables.map((table) => table.source);
  requireOwnSources(node, call, 'read', sourceIds);
  return node.queries.start({
    user: userOf(call.caller),
    queryId: request.query_id,
    plan: request.plan,
    consistency: request.consistency,
    resultCache: request.result_cache,
    ...(request.rests_on === undefined ? {} : { restsOn: request.rests_on }),
    ...rowForms[request.format],
    deadlineMs: Math.min(request.deadline_ms, call.deadlineMs ?? request.deadline_ms),
    signal: call.signal,
    ...(request.result_rows_max === undefined ? {} : { rowsMax: request.result_rows_max }),
    ...(request.result_bytes_max === undefined ? {} : { bytesMax: request.result_bytes_max }),
  });
}
