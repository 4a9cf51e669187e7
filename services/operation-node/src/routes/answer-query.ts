import { type CallContext, tenantCallerOf } from '@hybridstore/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Coordinator, QueryRequest } from '../ports.ts';

const ndjson = 'application/x-ndjson';

/** Asks for the caller and streams the answer; `X-Query-Id` names the query to whoever may want to stop it. */
export async function answerQuery(
  coordinator: Coordinator,
  query: QueryRequest,
  request: FastifyRequest,
  reply: FastifyReply,
  { caller, requestId, deadlineMs, signal }: CallContext,
): Promise<FastifyReply> {
  const answer = await coordinator.ask({
    caller: tenantCallerOf(caller),
    requestId,
    query,
    format: wantsLines(request.headers.accept) ? 'rows_ndjson' : 'rows_json',
    deadlineMs,
    signal,
  });
  return reply.header('x-query-id', answer.queryId).type(answer.contentType).send(answer.body);
}

/** NDJSON only when it is asked for by name; `*` alone gets JSON. */
function wantsLines(accept: string | undefined): boolean {
  const types = (accept ?? '').split(',').map((part) => part.split(';')[0]?.trim().toLowerCase());
  const [lines, json] = [types.indexOf(ndjson), types.indexOf('application/json')];
  return lines >= 0 && (json < 0 || lines < json);
}
