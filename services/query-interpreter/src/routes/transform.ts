import { queryInterpreter } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { Interpreter } from '../domain/interpreter.ts';

export function routeTransform(server: Server, interpreter: Interpreter): void {
  server.route(queryInterpreter.transform, ({ body }, _reply, { caller, signal }) =>
    interpreter.transform(body, { caller: tenantCallerOf(caller), signal }),
  );
}
