import type { PolicyWorld } from './observe.ts';

export type Obstacle = { readonly reason: string; readonly message: string };

/** What keeps a policy from being active; the catalog runs it without nodes, so a tenant need not be ready. */
export function findObstacle(world: PolicyWorld, tenantName: string): Obstacle | undefined {
  if (world.tenant === undefined) return { reason: 'TenantNotFound', message: `there is no Tenant ${tenantName}` };
  if (world.tenant.metadata.deletionTimestamp !== undefined && world.tenant.spec?.preventDeletion !== true)
    return { reason: 'TenantDeleted', message: `Tenant ${tenantName} is being deleted` };
  return undefined;
}

/** A selector that covers nothing must not be sent as an empty list, which means every source. */
export function coversNothing(world: PolicyWorld): boolean {
  return world.sourceIds?.length === 0;
}
