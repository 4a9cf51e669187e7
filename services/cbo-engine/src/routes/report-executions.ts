import { cboEngine } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { ExecutionHistory } from '../domain/execution-history.ts';

export function routeReportExecutions(server: Server, history: ExecutionHistory): void {
  server.route(cboEngine.reportExecutions, (request) => {
    for (const execution of request.body.executions) history.record(execution);
    return { recorded: true };
  });
}
