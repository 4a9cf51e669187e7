import type { Jwks, TenantSpec } from '@hybridstore/contracts';
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
import { LruCache } from '@hybridstore/runtime';
import { buildTenantConfigMap } from '../resources/config-map.ts';
import { buildLimitRange } from '../resources/limit-range.ts';
import { buildTenantNetworkPolicy } from '../resources/network-policy.ts';
import { buildPodDisruptionBudget } from '../resources/pod-disruption-budget.ts';
import { buildResourceQuota } from '../resources/resource-quota.ts';
import { buildHeadlessService, buildTenantService } from '../resources/service.ts';
import { buildServiceAccount } from '../resources/service-account.ts';
import { buildStatefulSet } from '../resources/stateful-set.ts';
import type { TenantInput } from '../resources/tenant-metadata.ts';
import type { SigningKeys } from '../shared-services/signing-keys.ts';

/** Everything that a tenant is made of but its volumes and its Secret, in an order in which each finds what it needs. */
export function buildTenantChildren(input: TenantInput, jwks: Jwks, size: number): readonly Child[] {
  const { key, names, labels, owner } = input.tenant;
  return [
    ...child(resourceQuotas, buildResourceQuota(input)),
    ...child(limitRanges, buildLimitRange(input)),
    ...child(
      serviceAccounts,
      buildServiceAccount({
        name: names.base,
        namespace: key.namespace,
        labels,
        owners: [owner],
        settings: input.spec.serviceAccount,
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

/** Children with what they follow from, besides the settings, which a process reads once. */
type Built = {
  readonly spec: TenantSpec;
  readonly size: number;
  readonly keysVersion: number;
  readonly children: readonly Child[];
};
const tenantsMax = 20_000;

/** The same objects as in the pass before, while nothing that they follow from has changed. */
export class DesiredChildren {
  readonly #built = new LruCache<string, Built>(tenantsMax);

  build(input: TenantInput, uid: string, keys: SigningKeys, size: number): readonly Child[] {
    const { spec, tenant } = input;
    const { version: keysVersion } = keys;
    const known = this.#built.get(uid);
    if (known?.spec === spec && known.size === size && known.keysVersion === keysVersion) return known.children;
    const children = buildTenantChildren(input, keys.tenantJwks({ ...tenant.key, uid }), size);
    this.#built.set(uid, { spec, size, keysVersion, children });
    return children;
  }
}
