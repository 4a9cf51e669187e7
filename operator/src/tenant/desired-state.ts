import type { Jwks } from '@hybridstore/contracts';
import type { Resource } from '@hybridstore/controller-runtime';
import {
  type Child,
  child,
  configMaps,
  limitRanges,
  networkPolicies,
  podDisruptionBudgets,
  resourceQuotas,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { buildTenantConfigMap } from '../resources/config-map.ts';
import { tenantLabels } from '../resources/labels.ts';
import { buildLimitRange } from '../resources/limit-range.ts';
import { tenantNames } from '../resources/names.ts';
import { buildTenantNetworkPolicy } from '../resources/network-policy.ts';
import { buildPodDisruptionBudget } from '../resources/pod-disruption-budget.ts';
import { buildResourceQuota } from '../resources/resource-quota.ts';
import { buildHeadlessService, buildTenantService } from '../resources/service.ts';
import { buildServiceAccount } from '../resources/service-account.ts';
import { buildStatefulSet, type TenantInput } from '../resources/stateful-set.ts';

/** Everything that a tenant is made of but its volumes and its Secret, in an order in which each finds what it needs. */
export function buildTenantChildren(input: TenantInput, jwks: Jwks, size: number): readonly Child[] {
  const { key, owner } = input;
  return [
    ...child(resourceQuotas, buildResourceQuota(input)),
    ...child(limitRanges, buildLimitRange(input)),
    ...child(
      serviceAccounts,
      buildServiceAccount({
        name: tenantNames(key.name).base,
        namespace: key.namespace,
        labels: tenantLabels(key.name),
        owners: [owner],
      }),
    ),
    ...child(configMaps, buildTenantConfigMap(input, jwks)),
    ...child(networkPolicies, buildTenantNetworkPolicy(input)),
    ...child(services, buildHeadlessService(input)),
    ...child(services, buildTenantService(input)),
    ...child(podDisruptionBudgets, buildPodDisruptionBudget(input)),
    ...child(statefulSets, buildStatefulSet(input, size)),
  ];
}

/** Kinds of which a tenant may come to need fewer. Volumes are never among them. */
export const prunedKinds: readonly Resource[] = [
  resourceQuotas,
  limitRanges,
  networkPolicies,
  services,
  configMaps,
  serviceAccounts,
  podDisruptionBudgets,
  statefulSets,
];
