import { queryInterpreter } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Interpreter } from '../domain/interpreter.ts';
import { readCall, requireReadable } from './read-call.ts';

export function routeParseSql(server: Server, interpreter: Interpreter): void {
  server.route(queryInterpreter.parseSql, async (request, _reply, context) => {
    const call = readCall(context);
    const answer = await interpreter.parseSql(request.body, call);
    requireReadable(call, answer.tables);
    return answer;
  });
}
