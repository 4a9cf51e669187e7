import type { LogicalPlan } from '@hybridstore/contracts';
import { type Caller, requireSource, requireTenant } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { OptimizeInput } from '../domain/optimizer.ts';

/** The plan of a request, for the tenant of a caller who may read its sources. */
export function readOptimizeInput(plan: LogicalPlan, caller: Caller | undefined): OptimizeInput {
  assert(caller, 'the endpoint needs a token');
  const tenantId = requireTenant(caller.claims);
  for (const table of plan.tables) requireSource(caller.claims, 'read', table.source);
  return { plan, tenantId, token: caller.token };
}
