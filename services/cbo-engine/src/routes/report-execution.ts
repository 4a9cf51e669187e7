import { cboEngine, type ExecutionReport } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Experience } from '../domain/experience.ts';

export function routeReportExecution(server: Server, experience: Experience): void {
  server.route(cboEngine.reportExecution, (request) => {
    experience.record(request.body as ExecutionReport);
    return { recorded: true };
  });
}
