import { findTenantObstacle, type Obstacle } from '../tenant/decide.ts';
import type { PolicyWorld } from './world.ts';

/** What keeps a policy from being active; the catalog runs it without nodes, so a tenant need not be ready. */
export function findObstacle({ tenant }: PolicyWorld, tenantName: string): Obstacle | undefined {
  return findTenantObstacle(tenant, tenantName);
}

/** A selector that covers nothing must not be sent as an empty list, which means every source. */
export function coversNothing(world: PolicyWorld): boolean {
  return world.sourceIds?.length === 0;
}
