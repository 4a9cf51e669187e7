import { queryInterpreter } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Interpreter } from '../domain/interpreter.ts';
import { readCall, requireReadable } from './read-call.ts';

export function routeTransform(server: Server, interpreter: Interpreter): void {
  server.route(queryInterpreter.transform, async (request, _reply, context) => {
    const call = readCall(context);
    const body = request.body;
    requireReadable(
      call,
      body.parsed_query.tables.map((table) => table.source),
    );
    return interpreter.transform(body, call);
  });
}
