import { operationNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Coordinator } from '../ports.ts';
import { answerQuery } from './answer-query.ts';

export function routeQueryDsl(server: Server, coordinator: Coordinator): void {
  server.route(operationNode.queryDsl, (request, reply, context) =>
    answerQuery(coordinator, { kind: 'dsl', request: request.body }, request, reply, context),
  );
}
