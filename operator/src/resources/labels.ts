import type { ServiceName } from '@hybridstore/contracts';
import type { KubeObject, Labels } from '@hybridstore/controller-runtime';
import type { SharedWorkload } from './names.ts';

export const managedBy = 'hybridstore-operator';
/** On everything made for a tenant: its value is the Tenant's name. */
export const tenantLabel = 'hybridstore.dev/tenant';
/** On everything made for a shared service: its value is the service's name. */
export const sharedServiceLabel = 'hybridstore.dev/shared-service';

export const managedByLabel = 'app.kubernetes.io/managed-by';

/** On everything that the operator makes. */
export const managedLabels: Labels = {
  'app.kubernetes.io/name': 'hybridstore',
  'app.kubernetes.io/part-of': 'hybridstore',
  [managedByLabel]: managedBy,
};

/** Labels of a tenant's objects; by `managed-by` and the tenant label they are found again to prune them. */
export function tenantLabels(tenantName: string): Labels {
  return {
    ...managedLabels,
    'app.kubernetes.io/component': 'tenant-node',
    'app.kubernetes.io/instance': tenantName,
    [tenantLabel]: tenantName,
  };
}

/** The Tenant of the object's own namespace to which it belongs: by its `tenantRef`, or by the label of a child. */
export function tenantNameOf(object: KubeObject): string | undefined {
  const { spec } = object as { readonly spec?: { readonly tenantRef?: { readonly name?: unknown } | null } | null }; // any kind, checked by nobody
  const name = spec?.tenantRef?.name ?? object.metadata.labels?.[tenantLabel];
  return typeof name === 'string' ? name : undefined;
}

/** The part of the labels that never changes: StatefulSets and Services select by it. */
export function tenantNodeSelector(tenantName: string): Labels {
  return { 'app.kubernetes.io/component': 'tenant-node', [tenantLabel]: tenantName };
}

export function sharedServiceLabels(service: ServiceName | SharedWorkload): Labels {
  return {
    ...managedLabels,
    'app.kubernetes.io/component': service,
    'app.kubernetes.io/instance': service,
    [sharedServiceLabel]: service,
  };
}

export function sharedServiceSelector(service: ServiceName | SharedWorkload): Labels {
  return { 'app.kubernetes.io/component': service, [sharedServiceLabel]: service };
}

/** Labels as the text that list and watch take, in the order of the keys. */
export function formatSelector(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
