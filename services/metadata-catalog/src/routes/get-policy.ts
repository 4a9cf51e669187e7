import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { CompactionScheduler } from '../domain/compaction-scheduler.ts';
import { policyIdOf } from './parameters.ts';

export function routeGetPolicy(server: Server, scheduler: CompactionScheduler): void {
  server.route(metadataCatalog.getPolicy, async (request) => {
    const policyId = policyIdOf(request.params);
    const state = await scheduler.policyState(policyId);
    if (state) return state;
    throw new HybridStoreError('not_found', `no compaction policy ${policyId}`, { policy_id: policyId });
  });
}
