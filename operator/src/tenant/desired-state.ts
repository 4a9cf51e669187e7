import type { Jwks, TenantSpec } from '@hybridstore/contracts';
import type { Resource, StatefulSet } from '@hybridstore/controller-runtime';
import {
  type Child,
  child,
  configMaps,
  isJsonEqual,
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
import { buildStatefulSet, type FixedSetFields, readFixedFields } from '../resources/stateful-set.ts';
import type { TenantInput } from '../resources/tenant-metadata.ts';
import type { SigningKeys } from '../shared-services/signing-keys.ts';

/** Everything that a tenant is made of but its volumes and its Secret, in an order in which each finds what it needs. */
export function buildTenantChildren(
  input: TenantInput,
  jwks: Jwks,
  size: number,
  fixed?: FixedSetFields,
): readonly Child[] {
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
    ...child(services, buildHeadlessService(input, fixed?.serviceName)),
    ...child(services, buildTenantService(input)),
    ...child(podDisruptionBudgets, buildPodDisruptionBudget(input)),
    ...child(statefulSets, buildStatefulSet(input, size, fixed)),
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
  readonly fixed: FixedSetFields | undefined;
  readonly children: readonly Child[];
};
const tenantsMax = 20_000;

/** The same objects as in the pass before, while nothing that they follow from has changed. */
export class DesiredChildren {
  readonly #built = new LruCache<string, Built>(tenantsMax);

  build(
    input: TenantInput,
    { uid, size, keys, living }: { uid: string; size: number; keys: SigningKeys; living: StatefulSet | undefined },
  ): readonly Child[] {
    const { spec, tenant } = input;
    const { version: keysVersion } = keys;
    const fixed = readFixedFields(living);
    const known = this.#built.get(uid);
    const isSame = known?.spec === spec && known.size === size && known.keysVersion === keysVersion;
    if (isSame && isJsonEqual(known.fixed, fixed)) return known.children;
    const children = buildTenantChildren(input, keys.tenantJwks({ ...tenant.key, uid }), size, fixed);
    this.#built.set(uid, { spec, size, keysVersion, fixed, children });
    return children;
  }
}
