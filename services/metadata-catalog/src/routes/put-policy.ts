import { type CompactionPolicyDefinition, metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { CompactionScheduler } from '../domain/compaction-scheduler.ts';
import { policyParam, requireSame } from './parameters.ts';

export function routePutPolicy(server: Server, scheduler: CompactionScheduler): void {
  server.route(metadataCatalog.putPolicy, async (request) => {
    const policy = request.body as CompactionPolicyDefinition;
    requireSame('policy_id', policyParam(request), policy.policy_id);
    return scheduler.putPolicy(policy);
  });
}
