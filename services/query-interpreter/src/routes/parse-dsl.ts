import { queryInterpreter } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { Interpreter } from '../domain/interpreter.ts';

export function routeParseDsl(server: Server, interpreter: Interpreter): void {
  server.route(queryInterpreter.parseDsl, ({ body }, _reply, { caller, signal }) =>
    interpreter.parseDsl(body, { caller: tenantCallerOf(caller), signal }),
  );
}
