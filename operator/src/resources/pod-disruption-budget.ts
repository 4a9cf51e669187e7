import type { PodDisruptionBudget } from '@hybridstore/controller-runtime';
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
