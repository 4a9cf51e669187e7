import { queryInterpreter } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { Interpreter } from '../domain/interpreter.ts';

export function routeLocate(server: Server, interpreter: Interpreter): void {
  server.route(queryInterpreter.locate, ({ body }, _reply, { caller, signal }) =>
    interpreter.locate(body, { caller: tenantCallerOf(caller), signal }),
  );
}
