import { cboEngine } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { printTree } from '@hybridstore/plan';
import type { Optimizer } from '../domain/optimizer.ts';
import { readOptimizeInput } from './read-optimize-input.ts';

export function routeEstimate(server: Server, optimizer: Optimizer): void {
  server.route(cboEngine.estimate, async (request, _reply, { caller }) => {
    const input = readOptimizeInput(request.body.query_plan, caller);
    const { shape, cost } = await optimizer.estimate(input);
    const scans = cost.scans.map(
      (scan) =>
        `-- ${scan.alias}: ${scan.files_matched} of ${scan.files_total} files, about ${Math.round(scan.rows_estimated)} of ${scan.rows_total} rows`,
    );
    return { shape, cost, tree: [printTree(input.plan), ...scans].join('\n') };
  });
}
