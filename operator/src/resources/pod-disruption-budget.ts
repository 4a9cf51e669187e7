import type { OwnerReference, PodDisruptionBudget } from '@hybridstore/controller-runtime';
import { managedLabels, sharedServiceLabel } from './labels.ts';
import { type SharedWorkload, serviceOfWorkload, sharedServiceNames, userStoreName } from './names.ts';
import { ownedBy } from './service.ts';
import type { PlatformSettings } from './settings.ts';
import { ownedMetadata, type TenantInput } from './tenant-metadata.ts';

/** At most one node away by choice: strict reads need all of them. */
export function buildPodDisruptionBudget({ tenant }: TenantInput): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: ownedMetadata(tenant, tenant.names.base),
    spec: {
      maxUnavailable: 1,
      // A node that crashes again and again must not keep a machine from being emptied.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: tenant.selector },
    },
  };
}

export const sharedBudgetName = 'shared-services';
/** What no query and no log-in waits for. */
const isApart = (workload: SharedWorkload) => workload === 'monitoring';

/**
 * At most one pod of the platform away by choice, whatever service it is of (ADR 0028). None where every service runs once:
 * whoever chose that may have a single machine, which could never be emptied.
 */
export function buildSharedDisruptionBudget(
  { namespace, services }: PlatformSettings,
  owners: readonly OwnerReference[],
): PodDisruptionBudget | undefined {
  const all: readonly SharedWorkload[] = [...sharedServiceNames, userStoreName];
  const workloads = all.filter((workload) => !isApart(workload));
  if (!workloads.some((workload) => services[serviceOfWorkload(workload)].replicas > 1)) return undefined;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: {
      name: sharedBudgetName,
      namespace,
      labels: { ...managedLabels, [sharedServiceLabel]: sharedBudgetName },
      ...ownedBy(owners),
    },
    spec: {
      maxUnavailable: 1,
      // What crashes again and again must not keep a machine from being emptied.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchExpressions: [{ key: sharedServiceLabel, operator: 'In', values: workloads }] },
    },
  };
}
