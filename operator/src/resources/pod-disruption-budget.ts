import type { PodDisruptionBudget } from '@hybridstore/controller-runtime';
import { tenantLabels, tenantNodeSelector } from './labels.ts';
import { tenantNames } from './names.ts';
import type { TenantInput } from './stateful-set.ts';

/** At most one node away by choice: strict reads need all of them. */
export function buildPodDisruptionBudget({ key, owner }: TenantInput): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: {
      name: tenantNames(key.name).base,
      namespace: key.namespace,
      labels: tenantLabels(key.name),
      ownerReferences: [owner],
    },
    spec: {
      maxUnavailable: 1,
      // A node that crashes again and again must not keep a machine from being emptied.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: tenantNodeSelector(key.name) },
    },
  };
}
