import { cboEngine } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { Optimizer } from '../domain/optimizer.ts';

export function routeEstimate(server: Server, optimizer: Optimizer): void {
  server.route(cboEngine.estimate, ({ body }, _reply, { caller }) =>
    optimizer.estimate({ plan: body.query_plan, caller: tenantCallerOf(caller) }),
  );
}
