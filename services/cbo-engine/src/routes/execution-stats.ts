import { cboEngine } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { ExecutionHistory } from '../domain/execution-history.ts';

export function routeExecutionStats(server: Server, history: ExecutionHistory): void {
  server.route(cboEngine.executionStats, (_request, _reply, { caller }) =>
    history.stats(tenantCallerOf(caller).tenant),
  );
}
