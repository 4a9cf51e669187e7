import { operationNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Coordinator } from '../ports.ts';
import { answerQuery } from './answer-query.ts';

export function routeQuerySql(server: Server, coordinator: Coordinator): void {
  server.route(operationNode.querySql, (request, reply, context) =>
    answerQuery(coordinator, { kind: 'sql', request: request.body }, request, reply, context),
  );
}
