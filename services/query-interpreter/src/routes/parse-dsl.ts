import { queryInterpreter } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Interpreter } from '../domain/interpreter.ts';
import { readCall, requireReadable } from './read-call.ts';

export function routeParseDsl(server: Server, interpreter: Interpreter): void {
  server.route(queryInterpreter.parseDsl, async (request, _reply, context) => {
    const call = readCall(context);
    const answer = await interpreter.parseDsl(request.body, call);
    requireReadable(call, answer.tables);
    return answer;
  });
}
