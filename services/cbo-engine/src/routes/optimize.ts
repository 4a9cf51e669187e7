import { cboEngine } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Optimizer } from '../domain/optimizer.ts';
import { readOptimizeInput } from './read-optimize-input.ts';

export function routeOptimize(server: Server, optimizer: Optimizer): void {
  server.route(cboEngine.optimize, async (request, _reply, { caller }) =>
    optimizer.optimize(readOptimizeInput(request.body.query_plan, caller)),
  );
}
