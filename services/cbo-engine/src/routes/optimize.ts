import { cboEngine } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { Optimizer } from '../domain/optimizer.ts';

export function routeOptimize(server: Server, optimizer: Optimizer): void {
  server.route(cboEngine.optimize, ({ body }, _reply, { caller }) =>
    optimizer.optimize({ plan: body.query_plan, caller: tenantCallerOf(caller) }),
  );
}
