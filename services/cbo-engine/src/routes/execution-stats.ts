import { cboEngine } from '@hybridstore/contracts';
import { requireTenant, type Server } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { ExecutionHistory } from '../domain/execution-history.ts';

export function routeExecutionStats(server: Server, history: ExecutionHistory): void {
  server.route(cboEngine.executionStats, (_request, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    return history.stats(requireTenant(caller.claims));
  });
}
