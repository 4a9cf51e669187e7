import type { AggregateRequest } from '@hybridstore/contracts';
import { userOf } from '@hybridstore/runtime';
import { compileAggregate } from '@hybridstore/sql/dsl';
import { type Call, deadlineOf, requireOwnSources } from '../call.ts';
import type { TenantNode } from '../node.ts';
import type { RunningQuery } from '../query-runner.ts';
import { startCompiled } from '../start-compiled.ts';

export type AggregateInput = { readonly queryId: string; readonly request: AggregateRequest };

/** Groups of one source, as a query whose rows are arrays in the order of its columns. */
export async function aggregate(node: TenantNode, call: Call, input: AggregateInput): Promise<RunningQuery> {
  const { queryId, request } = input;
  requireOwnSources(node, call, 'read', [request.source_id]);
  return startCompiled(node.queries, {
    sourceIds: [request.source_id],
    compile: (schemas) => compileAggregate(request, schemas),
    user: userOf(call.caller),
    queryId,
    consistency: request.consistency ?? 'strict',
    resultCache: request.result_cache,
    shape: 'array',
    separator: ',',
    deadlineMs: deadlineOf(request.timeout_seconds, call),
    signal: call.signal,
  });
}
