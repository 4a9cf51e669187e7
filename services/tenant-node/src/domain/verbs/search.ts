import type { SearchRequest } from '@hybridstore/contracts';
import { userOf } from '@hybridstore/runtime';
import { compileSearch } from '@hybridstore/sql/dsl';
import { type Call, deadlineOf, requireOwnSources } from '../call.ts';
import type { TenantNode } from '../node.ts';
import type { QueryRequest, RunningQuery } from '../query-runner.ts';
import { startCompiled } from '../start-compiled.ts';

export type SearchInput = {
  readonly queryId: string;
  readonly request: SearchRequest;
  /** How its records are written, each an object in JSON. */
  readonly form: Pick<QueryRequest, 'shape' | 'separator'>;
};

/** Records of one or several sources, as a query whose rows are `{source_id, fields}`. */
export async function search(node: TenantNode, call: Call, input: SearchInput): Promise<RunningQuery> {
  const { queryId, request, form } = input;
  const sourceIds = [
    ...new Set([...(request.source_ids ?? []), ...(request.source_id === undefined ? [] : [request.source_id])]),
  ];
  requireOwnSources(node, call, 'read', sourceIds);
  return startCompiled(node.queries, {
    sourceIds,
    compile: (schemas) => compileSearch(request, schemas),
    user: userOf(call.caller),
    queryId,
    consistency: request.consistency ?? 'strict',
    resultCache: request.result_cache,
    ...form,
    deadlineMs: deadlineOf(request.timeout_seconds, call),
    signal: call.signal,
  });
}
