import type { Kube, OwnerReference, PersistentVolumeClaim, Resource, Stored } from '@hybridstore/controller-runtime';
import {
  type ClusterView,
  deployments,
  getOrNothing,
  persistentVolumeClaims,
  type StatefulSet,
  serviceAccounts,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { tenants } from '../resources/custom-resources.ts';
import { keepsState } from '../resources/deployment.ts';
import { managedBy, tenantLabel } from '../resources/labels.ts';
import { type SharedServiceName, sharedServiceNames, stateClaimName } from '../resources/names.ts';
import type { TenantIdentity } from './signing-keys.ts';

export type SharedWorld = {
  readonly tenants: readonly TenantIdentity[];
  readonly nodeSets: readonly Stored<StatefulSet>[];
  /** Volumes of the services that keep state, as far as there are any. */
  readonly stateClaims: ReadonlyMap<SharedServiceName, Stored<PersistentVolumeClaim>>;
  /** What of the installation is there and will stay; undefined where the services have no owner. */
  readonly owners: readonly OwnerReference[] | undefined;
};

/** `ownerName` names the operator's own Deployment and ServiceAccount, where there are any (a Helm release). */
export async function observeShared(
  view: ClusterView,
  kube: Pick<Kube, 'get'>,
  namespace: string,
  ownerName: string | undefined,
): Promise<SharedWorld> {
  const all = await view.list(tenants, {});
  const sets = await view.list(statefulSets, { labels: { 'app.kubernetes.io/managed-by': managedBy } });
  return {
    tenants: all
      .map(({ metadata }) => ({ namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid }))
      .sort((a, b) => (a.uid < b.uid ? -1 : 1)),
    nodeSets: sets.filter((set) => set.metadata.labels?.[tenantLabel] !== undefined),
    stateClaims: await readStateClaims(view, namespace),
    owners: ownerName === undefined ? undefined : await readOwners(kube, namespace, ownerName),
  };
}

async function readStateClaims(
  view: ClusterView,
  namespace: string,
): Promise<ReadonlyMap<SharedServiceName, Stored<PersistentVolumeClaim>>> {
  const claims = new Map<SharedServiceName, Stored<PersistentVolumeClaim>>();
  for (const service of sharedServiceNames.filter(keepsState)) {
    const claim = await view.get(persistentVolumeClaims, { namespace, name: stateClaimName(service) });
    if (claim !== undefined) claims.set(service, claim);
  }
  return claims;
}

/**
 * The garbage collector deletes what has lost its last owner. So there are two, which come and go with the installation
 * only: one that somebody deletes by itself takes nothing along, and is named again when the chart has brought it back.
 */
const ownerKinds: readonly Resource[] = [deployments, serviceAccounts];

async function readOwners(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  name: string,
): Promise<readonly OwnerReference[]> {
  const owners: OwnerReference[] = [];
  for (const resource of ownerKinds) {
    const owner = await getOrNothing(kube, resource, { namespace, name });
    if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) continue;
    owners.push(buildOwner(resource, owner.metadata));
  }
  return owners;
}

/** Not a controller: nothing manages the services by it, it only takes them along. */
function buildOwner(
  { apiVersion, kind }: Resource,
  { name, uid }: { readonly name: string; readonly uid: string },
): OwnerReference {
  return { apiVersion, kind, name, uid, controller: false, blockOwnerDeletion: false };
}
