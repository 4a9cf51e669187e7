import {
  describeReserved,
  isReservedKey,
  type PodTemplate,
  reservedAnnotations,
  reservedClaimAnnotations,
  reservedLabels,
  type ServiceAccountSettings,
  tenantKeysSecretName,
  type VolumeMetadata,
} from '@hybridstore/contracts';
import type { EnvironmentVariable, Labels, ObjectMeta, PodSpec } from '@hybridstore/controller-runtime';

/**
 * What people say of pods, put around what the operator says. Where both could speak of one thing the operator's stays, and
 * such a template is refused before it comes here; lists with a default of ours are replaced, others are added to.
 *
 * Everything is written as the API server stores it (nothing empty, defaults filled in): a form that it rewrites would be
 * found to differ in each pass, and be written again.
 */
export type TemplateSpec = NonNullable<PodTemplate['spec']>;

const zoneLabel = 'topology.kubernetes.io/zone';
const machineLabel = 'kubernetes.io/hostname';

/** Labels and annotations of pods. */
export function buildPodMetadata(
  template: PodTemplate | undefined,
  own: { readonly labels: Labels; readonly annotations: Labels },
): ObjectMeta {
  const { labels = {}, annotations = {} } = template?.metadata ?? {};
  return { labels: { ...labels, ...own.labels }, annotations: { ...annotations, ...own.annotations } };
}

/** Where the pods run. `selector` is that of their set. */
export function buildPlacement(spec: TemplateSpec, selector: Labels): Partial<PodSpec> {
  const { nodeSelector, tolerations, priorityClassName, runtimeClassName, dnsConfig } = spec;
  const affinity = buildAffinity(spec, selector);
  const spread = buildSpread(spec.topologySpreadConstraints, selector);
  return {
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    ...(nodeSelector === undefined || isEmpty(nodeSelector) ? {} : { nodeSelector }),
    ...(tolerations === undefined || isEmpty(tolerations) ? {} : { tolerations: asStored(tolerations) }),
    ...(affinity === undefined ? {} : { affinity }),
    ...(isEmpty(spread) ? {} : { topologySpreadConstraints: spread }),
    ...(dnsConfig === undefined ? {} : { dnsConfig: asStored(dnsConfig) }),
  };
}

type Spread = NonNullable<PodSpec['topologySpreadConstraints']>;

/** Over zones and machines, as far as it goes, unless people say otherwise. */
function buildSpread(given: TemplateSpec['topologySpreadConstraints'], selector: Labels): Spread {
  const own = { labelSelector: { matchLabels: selector } };
  if (given !== undefined) return given.map((constraint) => ({ ...own, ...asStored(constraint) }));
  return [zoneLabel, machineLabel].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    ...own,
  }));
}

/**
 * Part of the default spread: where machines have no zone, the scheduler passes over constraints that name zones together
 * with all others, so that pods would share a machine. Repulsion is judged by itself.
 * Source: kubernetes pkg/scheduler/framework/plugins/podtopologyspread/scoring.go, requireAllTopologies.
 */
function buildAffinity({ affinity, topologySpreadConstraints }: TemplateSpec, selector: Labels): PodSpec['affinity'] {
  const given = affinity === undefined ? undefined : asStored(affinity);
  if (topologySpreadConstraints !== undefined || affinity?.podAntiAffinity !== undefined) return given;
  const others = { labelSelector: { matchLabels: selector }, topologyKey: machineLabel };
  const apart = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: others }] };
  return { ...given, podAntiAffinity: apart };
}

/** Secrets of the platform and of the template, each once. */
export function buildPullSecrets(platform: readonly string[], spec: TemplateSpec): Partial<PodSpec> {
  const names = new Set([...platform, ...(spec.imagePullSecrets ?? []).map(({ name }) => name)]);
  return names.size === 0 ? {} : { imagePullSecrets: [...names].map((name) => ({ name })) };
}

/** In the order of the template: a value may name a variable before it, as `$(NAME)`. */
export function buildOwnVariables({ env = [] }: TemplateSpec): readonly EnvironmentVariable[] {
  return env.map(({ name, value, valueFrom }) => {
    if (valueFrom === undefined) return value === undefined || value === '' ? { name } : { name, value };
    const { fieldRef, ...refs } = valueFrom;
    return {
      name,
      valueFrom: { ...refs, ...(fieldRef === undefined ? {} : { fieldRef: { apiVersion: 'v1', ...fieldRef } }) },
    };
  });
}

/** Annotations of the account under which pods run; nothing where there are none. */
export function buildAccountMetadata(account: ServiceAccountSettings | undefined): ObjectMeta {
  const { annotations = {} } = account ?? {};
  return isEmpty(annotations) ? {} : { annotations };
}

/** Without what the API server drops: empty lists, texts and maps of labels. An empty selector means all, and stays. */
function asStored<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => asStored(item)) as T; // the same items
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).flatMap(([name, field]: [string, unknown]) => {
    if (field === '' || (Array.isArray(field) && field.length === 0)) return [];
    if (name === 'matchLabels') return isEmpty(field as object) ? [] : [[name, field] as const];
    return [[name, asStored(field)] as const];
  });
  return Object.fromEntries(kept) as T; // fewer fields of the same shape
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

/**
 * The first thing in a template that would take the operator's own away, as `field: expected …, found …`; undefined where
 * there is none. `variables` are those that the pods have already.
 */
export function findTemplateProblem(
  template: PodTemplate | undefined,
  variables: { readonly has: (name: string) => boolean },
): string | undefined {
  const { labels, annotations } = template?.metadata ?? {};
  return (
    findReserved('metadata.labels', labels, reservedLabels) ??
    findReserved('metadata.annotations', annotations, reservedAnnotations) ??
    findVariableProblem(template?.spec?.env ?? [], variables) ??
    findSpreadProblem(template?.spec?.topologySpreadConstraints ?? [])
  );
}

/** The same of the account's annotations. */
export function findAccountProblem(account: ServiceAccountSettings | undefined): string | undefined {
  return findReserved('annotations', account?.annotations, reservedAnnotations);
}

/** The same of what claims wear. */
export function findVolumeMetadataProblem(metadata: VolumeMetadata | undefined): string | undefined {
  return (
    findReserved('labels', metadata?.labels, reservedLabels) ??
    findReserved('annotations', metadata?.annotations, reservedClaimAnnotations)
  );
}

function findReserved(
  field: string,
  given: Readonly<Record<string, string>> = {},
  reserved: readonly string[],
): string | undefined {
  const key = Object.keys(given).find((one) => isReservedKey(one, reserved));
  if (key === undefined) return undefined;
  return `${field}: expected none of ${describeReserved(reserved)}, which the platform sets itself, found ${key}`;
}

function findVariableProblem(
  env: NonNullable<TemplateSpec['env']>,
  variables: { readonly has: (name: string) => boolean },
): string | undefined {
  const names = new Set<string>();
  for (const { name, value, valueFrom } of env) {
    if (variables.has(name)) return `spec.env: expected no variable that the platform sets itself, found ${name}`;
    if (names.has(name)) return `spec.env: expected each variable once, found ${name} twice`;
    if (value !== undefined && valueFrom !== undefined)
      return `spec.env: expected only one of value and valueFrom, found both of ${name}`;
    if (valueFrom?.secretKeyRef?.name === tenantKeysSecretName)
      return `spec.env: expected another Secret than the one with the keys of tenants, found ${tenantKeysSecretName} of ${name}`;
    names.add(name);
  }
  return undefined;
}

function findSpreadProblem(spread: NonNullable<TemplateSpec['topologySpreadConstraints']>): string | undefined {
  const places = spread.map(({ topologyKey, whenUnsatisfiable }) => `${topologyKey} with ${whenUnsatisfiable}`);
  const twice = places.find((place, index) => places.indexOf(place) !== index);
  if (twice === undefined) return undefined;
  return `spec.topologySpreadConstraints: expected each topologyKey once with one whenUnsatisfiable, found ${twice} twice`;
}
