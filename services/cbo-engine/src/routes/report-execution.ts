import { cboEngine } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { ExecutionHistory } from '../domain/execution-history.ts';

export function routeReportExecution(server: Server, history: ExecutionHistory): void {
  server.route(cboEngine.reportExecution, (request) => {
    history.record(request.body);
    return { recorded: true };
  });
}
