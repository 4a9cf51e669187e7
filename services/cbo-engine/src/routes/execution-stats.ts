import { cboEngine } from '@hybridstore/contracts';
import { requireTenant, type Server } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { Experience } from '../domain/experience.ts';

export function routeExecutionStats(server: Server, experience: Experience): void {
  server.route(cboEngine.executionStats, (_request, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    return experience.stats(requireTenant(caller.claims));
  });
}
