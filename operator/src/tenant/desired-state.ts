import type { Jwks, TenantSpec } from '@hybridstore/contracts';
import type { PodTemplateSpec, Resource } from '@hybridstore/controller-runtime';
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
import { holdInput } from '../resources/held-template.ts';
import { buildLimitRange } from '../resources/limit-range.ts';
import { buildTenantNetworkPolicy } from '../resources/network-policy.ts';
import { buildPodDisruptionBudget } from '../resources/pod-disruption-budget.ts';
import { buildResourceQuota } from '../resources/resource-quota.ts';
import { buildHeadlessService, buildTenantService } from '../resources/service.ts';
import { buildServiceAccount } from '../resources/service-account.ts';
import {
  buildNodeTemplate,
  buildStatefulSet,
  type FixedSetFields,
  type SetOptions,
} from '../resources/stateful-set.ts';
import { digestTemplate, digestTenantInputs } from '../resources/template-record.ts';
import type { TenantInput } from '../resources/tenant-metadata.ts';
import type { SigningKeys } from '../shared-services/signing-keys.ts';

/** Everything that a tenant is made of but its volumes and its Secret, in an order in which each finds what it needs. */
export function buildTenantChildren(
  input: TenantInput,
  jwks: Jwks,
  size: number,
  options: SetOptions = {},
): readonly Child[] {
  const { key, names, labels, owner } = input.tenant;
  const { fixed, held } = options;
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
    ...child(configMaps, buildTenantConfigMap(input, jwks, held)),
    ...child(networkPolicies, buildTenantNetworkPolicy(holdInput(input, held))),
    ...child(services, buildHeadlessService(input, fixed?.serviceName)),
    ...child(services, buildTenantService(input)),
    ...child(podDisruptionBudgets, buildPodDisruptionBudget(input)),
    ...child(statefulSets, buildStatefulSet(input, size, options)),
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
  readonly options: SetOptions;
  readonly children: readonly Child[];
};
type BuiltTemplate = {
  readonly spec: TenantSpec;
  readonly fixed: FixedSetFields | undefined;
  readonly template: PodTemplateSpec;
  readonly digests: { readonly template: string; readonly inputs: string };
};
const tenantsMax = 20_000;

/** The same objects as in the pass before, while nothing that they follow from has changed. */
export class DesiredChildren {
  readonly #built = new LruCache<string, Built>(tenantsMax);
  readonly #templates = new LruCache<string, BuiltTemplate>(tenantsMax);

  /** What the template of the nodes would be, whether or not it is their turn. */
  template(
    input: TenantInput,
    uid: string,
    fixed: FixedSetFields | undefined,
  ): Pick<BuiltTemplate, 'template' | 'digests'> {
    const { spec } = input;
    const known = this.#templates.get(uid);
    if (known?.spec === spec && isJsonEqual(known.fixed, fixed)) return known;
    const template = buildNodeTemplate(input, fixed);
    const digests = { template: digestTemplate(template), inputs: digestTenantInputs(spec) };
    const built = { spec, fixed, template, digests };
    this.#templates.set(uid, built);
    return built;
  }

  build(
    input: TenantInput,
    { uid, size, keys, options }: { uid: string; size: number; keys: SigningKeys; options: SetOptions },
  ): readonly Child[] {
    const { spec, tenant } = input;
    const { version: keysVersion } = keys;
    const known = this.#built.get(uid);
    const isSame = known?.spec === spec && known.size === size && known.keysVersion === keysVersion;
    if (isSame && isJsonEqual(known.options, options)) return known.children;
    const children = buildTenantChildren(input, keys.tenantJwks({ ...tenant.key, uid }), size, options);
    this.#built.set(uid, { spec, size, keysVersion, options, children });
    return children;
  }
}
