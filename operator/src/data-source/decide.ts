import type { TenantStatus } from '@hybridstore/contracts';
import { findTenantObstacle, type Obstacle } from '../tenant/decide.ts';
import type { SourceFacts, SourceWorld } from './world.ts';

/** What stands in the way of declaring a source, or nothing. */
export function findObstacle({ tenant, older }: SourceWorld, tenantName: string): Obstacle | undefined {
  if (older !== undefined)
    return { reason: 'DuplicateSource', message: `DataSource ${older.metadata.name} declares this source already` };
  return findTenantObstacle(tenant, tenantName) ?? findNodeObstacle(tenant, tenantName);
}

function findNodeObstacle(tenant: SourceWorld['tenant'], name: string): Obstacle | undefined {
  if (tenant?.spec?.hibernated === true) return { reason: 'TenantHibernated', message: `Tenant ${name} is hibernated` };
  if (!hasReadyNode(tenant?.status)) return { reason: 'TenantNotReady', message: `no node of Tenant ${name} is ready` };
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
