import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { CompactionScheduler } from '../domain/compaction-scheduler.ts';
import { policyIdOf, requireSame } from './parameters.ts';

export function routePutPolicy(server: Server, scheduler: CompactionScheduler): void {
  server.route(metadataCatalog.putPolicy, async (request) => {
    const policy = request.body;
    requireSame('policy_id', policyIdOf(request.params), policy.policy_id);
    return scheduler.putPolicy(policy);
  });
}
