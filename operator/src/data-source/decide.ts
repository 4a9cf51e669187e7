import type { TenantStatus } from '@hybridstore/contracts';
import type { SourceFacts, SourceWorld } from './observe.ts';

/** What stands in the way of registering a source, or nothing. */
export type Obstacle = { readonly reason: string; readonly message: string };

export function findObstacle(world: SourceWorld, tenantName: string): Obstacle | undefined {
  const { tenant, older } = world;
  if (older !== undefined)
    return { reason: 'DuplicateSource', message: `DataSource ${older.metadata.name} declares this source already` };
  if (tenant === undefined) return { reason: 'TenantNotFound', message: `there is no Tenant ${tenantName}` };
  if (tenant.metadata.deletionTimestamp !== undefined && tenant.spec?.preventDeletion !== true)
    return { reason: 'TenantDeleted', message: `Tenant ${tenantName} is being deleted` };
  if (tenant.spec?.hibernated === true)
    return { reason: 'TenantHibernated', message: `Tenant ${tenantName} is hibernated` };
  if (!hasReadyNode(tenant.status))
    return { reason: 'TenantNotReady', message: `no node of Tenant ${tenantName} is ready` };
  return undefined;
}

/** One node is enough: the table is on the shared volume, where the others find it. */
function hasReadyNode(status: TenantStatus | undefined): boolean {
  return (status?.readyReplicas ?? 0) > 0;
}

/** Whether a source is declared (again): its spec is newer than what was taken, or its table or its entry is not there. */
export function mustDeclare(facts: SourceFacts, takenGeneration: number | undefined, generation: number): boolean {
  return takenGeneration !== generation || facts.stats === undefined || facts.entry === undefined;
}
