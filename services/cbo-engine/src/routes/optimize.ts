import { cboEngine } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Optimizer } from '../domain/optimizer.ts';
import { readQuestion, refusingBadPlans } from './read-question.ts';

export function routeOptimize(server: Server, optimizer: Optimizer): void {
  server.route(cboEngine.optimize, (request, _reply, { caller }) =>
    refusingBadPlans(() => optimizer.optimize(readQuestion(request.body, caller))),
  );
}
