import { type LinesEnd, linesEndTrailer, tenantNode } from '@hybridstore/contracts';
import type { CallContext, Server } from '@hybridstore/http';
import type { FastifyReply } from 'fastify';
import type { TenantNode } from '../domain/node.ts';
import type { RunningQuery } from '../domain/query-runner.ts';
import { executePlan } from '../domain/verbs/execute-plan.ts';
import { callOf } from './call-of.ts';
import { type SentLines, sendLines, sendWhole } from './query-answer.ts';

/** `POST /internal/execute`: runs a plan for the user whose token the call carries. */
export function routeExecute(server: Server, node: TenantNode): void {
  server.route(tenantNode.execute, async (request, reply, context) => {
    const query = await executePlan(node, callOf(context), request.body);
    return request.body.format === 'rows_ndjson'
      ? sendLinesAndEnd(reply, query, context)
      : sendWhole(reply, query, { field: 'rows', hasColumns: true });
  });
}

function sendLinesAndEnd(reply: FastifyReply, query: RunningQuery, context: CallContext): FastifyReply {
  const sent: SentLines = { rows: 0 };
  reply.trailer(linesEndTrailer, async () => {
    const { execute_ms = 0, bytes_read = 0 } = query.stats();
    return JSON.stringify({ ...sent, execute_ms, bytes_read } satisfies LinesEnd);
  });
  return sendLines(reply, query, context, sent);
}
