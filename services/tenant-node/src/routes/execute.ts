import { type AnswerFormat, type LinesEnd, linesEndTrailer, tenantNode } from '@hybridstore/contracts';
import type { CallContext, Server } from '@hybridstore/http';
import type { FastifyReply } from 'fastify';
import type { TenantNode } from '../domain/node.ts';
import type { RunningQuery } from '../domain/query-runner.ts';
import { executePlan } from '../domain/verbs/execute-plan.ts';
import { callOf } from './call-of.ts';
import { type SentRows, sendStream, sendWhole } from './query-answer.ts';

/** `POST /internal/execute`: runs a plan for the user whose token the call carries. */
export function routeExecute(server: Server, node: TenantNode): void {
  server.route(tenantNode.execute, async (request, reply, context) => {
    const query = await executePlan(node, callOf(context), request.body);
    const { format } = request.body;
    return format === 'rows_json'
      ? sendWhole(reply, query, { field: 'rows', hasColumns: true })
      : sendStreamAndEnd(reply, query, { format, context });
  });
}

type Streamed = { readonly format: AnswerFormat; readonly context: CallContext };

function sendStreamAndEnd(reply: FastifyReply, query: RunningQuery, streamed: Streamed): FastifyReply {
  const sent: SentRows = { rows: 0 };
  reply.trailer(linesEndTrailer, async () => {
    const { execute_ms = 0, bytes_read = 0 } = query.stats();
    return JSON.stringify({ ...sent, execute_ms, bytes_read } satisfies LinesEnd);
  });
  return sendStream(reply, query, { ...streamed, sent });
}
