import type { LogicalPlan } from '@hybridstore/contracts';
import { type Caller, requireSource, requireTenant } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { OptimizeInput } from '../domain/optimizer.ts';

/** The plan of a request as a question of the caller's tenant about sources that he may read. */
export function readQuestion(plan: LogicalPlan, caller: Caller | undefined): OptimizeInput {
  assert(caller, 'the endpoint needs a token');
  const tenantId = requireTenant(caller.claims);
  for (const table of plan.tables) requireSource(caller.claims, 'read', table.source);
  return { plan, tenantId, token: caller.token };
}
