import type { ClusterView, Stored } from '@hybridstore/controller-runtime';
import type { CatalogPort, NodePort } from '../ports.ts';
import { type DataSource, dataSources, tenants } from '../resources/custom-resources.ts';
import type { TenantKey } from '../resources/names.ts';
import type { SourceFacts, SourceWorld } from './world.ts';

export async function observeSource(
  view: ClusterView,
  source: Stored<DataSource>,
  tenant: TenantKey,
): Promise<SourceWorld> {
  const siblings = await view.list(dataSources, { namespace: tenant.namespace, ofParent: tenant.name });
  const rivals = siblings.filter(
    (other) =>
      other.metadata.uid !== source.metadata.uid &&
      other.spec?.sourceId === source.spec?.sourceId &&
      isOlder(other, source),
  );
  return { tenant: await view.get(tenants, tenant), older: rivals[0] };
}

/** By creation, then by uid, so that of two exactly one is the older. */
function isOlder(other: Stored<DataSource>, source: Stored<DataSource>): boolean {
  const [a, b] = [other.metadata.creationTimestamp ?? '', source.metadata.creationTimestamp ?? ''];
  return a === b ? other.metadata.uid < source.metadata.uid : a < b;
}

export async function readFacts(
  nodes: NodePort,
  catalog: CatalogPort,
  tenant: TenantKey,
  sourceId: string,
): Promise<SourceFacts> {
  const [stats, entry] = await Promise.all([nodes.sourceStats(tenant, sourceId), catalog.getSource(tenant, sourceId)]);
  return { stats, entry };
}
