import { type AnswerFormat, answerFormats, answerTypes } from '@hybridstore/contracts';
import { acceptedType, type CallContext, tenantCallerOf } from '@hybridstore/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Coordinator, QueryRequest } from '../ports.ts';

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
    format: formatOf(request.headers.accept),
    deadlineMs,
    signal,
  });
  return reply.header('x-query-id', answer.queryId).type(answer.contentType).send(answer.body);
}

/** What is asked for by name; `*` alone gets JSON. */
function formatOf(accept: string | undefined): AnswerFormat {
  const type = acceptedType(accept, Object.values(answerTypes));
  return answerFormats.find((format) => answerTypes[format] === type) ?? 'rows_json';
}
