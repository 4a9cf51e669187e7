import { queryInterpreter } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { Interpreter } from '../domain/interpreter.ts';

export function routeParseSql(server: Server, interpreter: Interpreter): void {
  server.route(queryInterpreter.parseSql, ({ body }, _reply, { caller, signal }) =>
    interpreter.parseSql(body, { caller: tenantCallerOf(caller), signal }),
  );
}
