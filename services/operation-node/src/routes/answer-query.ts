import { type CallContext, requireTenant } from '@hybridstore/http';
import { assert, isHybridStoreError } from '@hybridstore/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { decideTimeoutMs, type TimeoutBounds } from '../domain/deadline.ts';
import type { Coordinator, QueryMetrics, QueryRequest } from '../ports.ts';

export type QueryRouteParts = {
  readonly coordinator: Coordinator;
  readonly timeouts: TimeoutBounds;
  readonly metrics: QueryMetrics;
};

const ndjson = 'application/x-ndjson';

/** Asks for the caller and streams the answer; `X-Query-Id` names the query to whoever may want to stop it. */
export async function answerQuery(
  parts: QueryRouteParts,
  query: QueryRequest,
  request: FastifyRequest,
  reply: FastifyReply,
  context: CallContext,
): Promise<FastifyReply> {
  const { caller } = context;
  assert(caller, 'the endpoint needs a token');
  const requested = { timeoutSeconds: query.request.timeout_seconds, callerDeadlineMs: context.deadlineMs };
  try {
    const answer = await parts.coordinator.ask({
      tenantId: requireTenant(caller.claims),
      subject: caller.claims.sub,
      token: caller.token,
      requestId: context.requestId,
      query,
      format: wantsLines(request.headers.accept) ? 'rows_ndjson' : 'rows_json',
      timeoutMs: decideTimeoutMs(requested, parts.timeouts),
      signal: context.signal,
    });
    return reply.header('x-query-id', answer.queryId).type(answer.contentType).send(answer.body);
  } catch (error) {
    if (isHybridStoreError(error, 'overloaded') && error.details['position'] !== undefined)
      parts.metrics.countRejection();
    throw error;
  }
}

/** NDJSON only when it is asked for by name; `*` alone gets JSON. */
function wantsLines(accept: string | undefined): boolean {
  const types = (accept ?? '').split(',').map((part) => part.split(';')[0]?.trim().toLowerCase());
  const [lines, json] = [types.indexOf(ndjson), types.indexOf('application/json')];
  return lines >= 0 && (json < 0 || lines < json);
}
