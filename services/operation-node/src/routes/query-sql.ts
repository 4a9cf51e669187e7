import { operationNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { answerQuery, type QueryRouteParts } from './answer-query.ts';

export function routeQuerySql(server: Server, parts: QueryRouteParts): void {
  server.route(operationNode.querySql, (request, reply, context) =>
    answerQuery(parts, { kind: 'sql', request: request.body }, request, reply, context),
  );
}
