import { monitoring } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import { type LogParts, readLogs } from '../domain/read-logs.ts';

export function routeLogs(server: Server, parts: LogParts): void {
  server.route(monitoring.logs, ({ params, query }, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    return readLogs(parts, caller.claims, { service: params.service, ...query });
  });
}
