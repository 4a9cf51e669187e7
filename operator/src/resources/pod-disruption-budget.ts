import type { OwnerReference, PodDisruptionBudget } from '@hybridstore/controller-runtime';
import { sharedServiceLabels, sharedServiceSelector } from './labels.ts';
import type { SharedServiceName } from './names.ts';
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

/** At most one replica of a shared service away by choice. None for a single one, whose machine could never be emptied. */
export function buildSharedDisruptionBudget(
  service: SharedServiceName,
  { namespace, services }: PlatformSettings,
  owners: readonly OwnerReference[],
): PodDisruptionBudget | undefined {
  if (services[service].replicas < 2) return undefined;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: service, namespace, labels: sharedServiceLabels(service), ...ownedBy(owners) },
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: sharedServiceSelector(service) },
    },
  };
}
