import type { Kube, OwnerReference, Stored } from '@hybridstore/controller-runtime';
import {
  type ClusterView,
  configMaps,
  getOrNothing,
  type StatefulSet,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { tenants } from '../resources/custom-resources.ts';
import { managedBy, tenantLabel } from '../resources/labels.ts';
import type { TenantIdentity } from './signing-keys.ts';

export type SharedWorld = {
  readonly tenants: readonly TenantIdentity[];
  readonly nodeSets: readonly Stored<StatefulSet>[];
  readonly owners: readonly OwnerReference[];
};

/** `ownerConfigMap` names the operator's own configuration, where there is one (a Helm release). */
export async function observeShared(
  view: ClusterView,
  kube: Pick<Kube, 'get'>,
  namespace: string,
  ownerConfigMap: string | undefined,
): Promise<SharedWorld> {
  const all = await view.list(tenants, {});
  const sets = await view.list(statefulSets, { labels: { 'app.kubernetes.io/managed-by': managedBy } });
  const owner =
    ownerConfigMap === undefined
      ? undefined
      : await getOrNothing(kube, configMaps, { namespace, name: ownerConfigMap });
  return {
    tenants: all
      .map(({ metadata }) => ({ namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid }))
      .sort((a, b) => (a.uid < b.uid ? -1 : 1)),
    nodeSets: sets.filter((set) => set.metadata.labels?.[tenantLabel] !== undefined),
    owners: owner === undefined ? [] : [toOwner(owner.metadata)],
  };
}

/** Not a controller: nothing manages the services by it, it only takes them along. */
function toOwner(metadata: { readonly name: string; readonly uid: string }): OwnerReference {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: metadata.name,
    uid: metadata.uid,
    controller: false,
    blockOwnerDeletion: false,
  };
}
