import { operationNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { answerQuery, type QueryRouteParts } from './answer-query.ts';

export function routeQueryDsl(server: Server, parts: QueryRouteParts): void {
  server.route(operationNode.queryDsl, (request, reply, context) =>
    answerQuery(parts, { kind: 'dsl', request: request.body }, request, reply, context),
  );
}
