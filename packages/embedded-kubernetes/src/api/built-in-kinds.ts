import type { KubeObject } from '@hybridstore/controller-runtime';
import {
  type CustomResourceDefinition,
  configMaps,
  customResourceDefinitions,
  defineResource,
  deployments,
  endpointSlices,
  events,
  isJsonEqual,
  leases,
  limitRanges,
  namespaces,
  networkPolicies,
  type PersistentVolumeClaim,
  parseQuantityNanos,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  type Resource,
  resourceQuotas,
  type Secret,
  type StatefulSet,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { builtInSchema } from '../schema/built-in-schemas.ts';
import type { FieldError } from '../schema/field-error.ts';
import { matchLabelSelector } from '../selectors.ts';
import type { Kind, KindRules, ScalePaths } from './kind.ts';

type KindInput = {
  readonly resource: Resource;
  readonly model: string;
  readonly shortNames?: readonly string[];
  readonly hasStatus?: boolean;
  readonly hasGeneration?: boolean;
  readonly countsAnnotations?: boolean;
  readonly scale?: ScalePaths;
  readonly rules?: KindRules;
};

/** The built-in kinds that the embedded API server serves. */
export const nodes = defineResource('v1', 'Node', 'nodes', 'cluster');
const rbac = 'rbac.authorization.k8s.io/v1';

const replicaScale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

export function buildBuiltInKinds(): Kind[] {
  return inputs().map(({ resource, model, ...input }) => ({
    resource,
    schema: builtInSchema(model),
    singular: resource.kind.toLowerCase(),
    shortNames: input.shortNames ?? [],
    categories: allCategory.has(resource.plural) ? ['all'] : [],
    hasStatus: input.hasStatus ?? false,
    hasGeneration: input.hasGeneration ?? false,
    countsAnnotations: input.countsAnnotations ?? false,
    printerColumns: [],
    isCustom: false,
    ...(input.scale === undefined ? {} : { scale: input.scale }),
    ...(input.rules === undefined ? {} : { rules: input.rules }),
  }));
}

const allCategory: ReadonlySet<string> = new Set(['pods', 'services', 'statefulsets', 'deployments']);

function inputs(): KindInput[] {
  return [
    {
      resource: namespaces,
      model: 'V1Namespace',
      shortNames: ['ns'],
      hasStatus: true,
      rules: { prepare: prepareNamespace },
    },
    { resource: nodes, model: 'V1Node', shortNames: ['no'], hasStatus: true },
    { resource: pods, model: 'V1Pod', shortNames: ['po'], hasStatus: true, rules: { prepare: preparePod } },
    {
      resource: services,
      model: 'V1Service',
      shortNames: ['svc'],
      hasStatus: true,
      rules: { prepare: prepareService, validate: validateService },
    },
    { resource: configMaps, model: 'V1ConfigMap', shortNames: ['cm'], rules: { validate: validateImmutable } },
    { resource: secrets, model: 'V1Secret', rules: { prepare: prepareSecret, validate: validateImmutable } },
    { resource: serviceAccounts, model: 'V1ServiceAccount', shortNames: ['sa'] },
    {
      resource: persistentVolumeClaims,
      model: 'V1PersistentVolumeClaim',
      shortNames: ['pvc'],
      hasStatus: true,
      rules: { prepare: prepareClaim, validate: validateClaim },
    },
    {
      resource: resourceQuotas,
      model: 'V1ResourceQuota',
      shortNames: ['quota'],
      hasStatus: true,
      rules: { prepare: prepareQuota },
    },
    { resource: limitRanges, model: 'V1LimitRange', shortNames: ['limits'] },
    {
      resource: statefulSets,
      model: 'V1StatefulSet',
      shortNames: ['sts'],
      hasStatus: true,
      hasGeneration: true,
      scale: replicaScale,
      rules: { prepare: prepareStatefulSet, validate: validateStatefulSet },
    },
    {
      resource: deployments,
      model: 'V1Deployment',
      shortNames: ['deploy'],
      hasStatus: true,
      hasGeneration: true,
      countsAnnotations: true,
      scale: replicaScale,
      rules: { prepare: prepareDeployment, validate: validateDeployment },
    },
    {
      resource: networkPolicies,
      model: 'V1NetworkPolicy',
      shortNames: ['netpol'],
      hasGeneration: true,
      rules: { prepare: preparePolicy },
    },
    {
      resource: podDisruptionBudgets,
      model: 'V1PodDisruptionBudget',
      shortNames: ['pdb'],
      hasStatus: true,
      hasGeneration: true,
      rules: { prepare: prepareBudget },
    },
    { resource: endpointSlices, model: 'V1EndpointSlice', hasGeneration: true },
    { resource: leases, model: 'V1Lease' },
    { resource: events, model: 'EventsV1Event', shortNames: ['ev'] },
    {
      resource: customResourceDefinitions,
      model: 'V1CustomResourceDefinition',
      shortNames: ['crd', 'crds'],
      hasStatus: true,
      hasGeneration: true,
      rules: { prepare: prepareDefinition },
    },
    { resource: defineResource(rbac, 'Role', 'roles'), model: 'V1Role' },
    { resource: defineResource(rbac, 'RoleBinding', 'rolebindings'), model: 'V1RoleBinding' },
    { resource: defineResource(rbac, 'ClusterRole', 'clusterroles', 'cluster'), model: 'V1ClusterRole' },
    {
      resource: defineResource(rbac, 'ClusterRoleBinding', 'clusterrolebindings', 'cluster'),
      model: 'V1ClusterRoleBinding',
    },
  ];
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}; // JSON objects are records
}

function specOf(object: KubeObject | undefined): Fields {
  return fieldsOf((object as (KubeObject & { readonly spec?: unknown }) | undefined)?.spec);
}

/** The object with fields of its kind replaced. */
function withFields(object: KubeObject, fields: Fields): KubeObject {
  return { ...object, ...fields };
}

function prepareNamespace(object: KubeObject, old: KubeObject | undefined): KubeObject {
  const labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name ?? '' };
  const prepared = { ...object, metadata: { ...object.metadata, labels } };
  return old === undefined ? withFields(prepared, { status: { phase: 'Active' } }) : prepared;
}

function preparePod(object: KubeObject, old: KubeObject | undefined): KubeObject {
  const spec = withAccountAlias({ enableServiceLinks: true, ...specOf(object) });
  return withFields(object, { spec, ...initialStatus(old, { phase: 'Pending', qosClass: 'BestEffort' }) });
}

/** `serviceAccount` is the old name of `serviceAccountName`, and still filled in. */
function withAccountAlias(spec: Fields): Fields {
  return spec.serviceAccountName === undefined ? spec : { ...spec, serviceAccount: spec.serviceAccountName };
}

function withTemplateAlias(spec: Fields): Fields {
  const template = fieldsOf(spec.template);
  return { ...spec, template: { ...template, spec: withAccountAlias(fieldsOf(template.spec)) } };
}

/** What the server reports of a new object before any controller has seen it. */
function initialStatus(old: KubeObject | undefined, status: Fields): Fields {
  return old === undefined ? { status } : {};
}

/** A service without `clusterIP: None` gets an address of its own; locally its name resolves to the endpoints instead. */
function prepareService(object: KubeObject, old: KubeObject | undefined): KubeObject {
  const spec = specOf(object);
  const clusterIP = spec.clusterIP ?? specOf(old).clusterIP ?? pickServiceAddress(object);
  const ports = Array.isArray(spec.ports)
    ? spec.ports.map((port) => ({ targetPort: fieldsOf(port).port, ...fieldsOf(port) }))
    : undefined;
  const status = old === undefined ? { status: { loadBalancer: {} } } : {};
  return withFields(object, {
    ...status,
    spec: { ...spec, clusterIP, clusterIPs: [clusterIP], ...(ports === undefined ? {} : { ports }) },
  });
}

/** Source: kubernetes pkg/apis/core/validation ValidateService, as far as ports go. */
function validateService(object: KubeObject): readonly FieldError[] {
  const spec = specOf(object);
  const ports = Array.isArray(spec.ports) ? spec.ports.map(fieldsOf) : [];
  if (ports.length === 0 && spec.clusterIP !== 'None' && spec.type !== 'ExternalName')
    return [{ type: 'Required', path: 'spec.ports' }];
  const names = ports.map(({ name }) => String(name ?? ''));
  return names.flatMap((name, index): readonly FieldError[] => {
    const path = `spec.ports[${index}].name`;
    if (name === '') return ports.length > 1 ? [{ type: 'Required', path }] : [];
    return names.indexOf(name) < index ? [{ type: 'Duplicate', path, value: name }] : [];
  });
}

/** From 10.96.0.0/12, by the service's name: nothing routes there, it only has to be stable and rarely shared. */
function pickServiceAddress(object: KubeObject): string {
  const text = `${object.metadata.namespace}/${object.metadata.name}`;
  let hash = 2_166_136_261;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  return `10.${96 + (hash & 15)}.${(hash >>> 4) & 255}.${((hash >>> 12) % 254) + 1}`;
}

function prepareSecret(object: KubeObject): KubeObject {
  const { stringData, ...secret } = object as Secret; // rules are asked of objects of their own kind
  if (stringData === undefined) return object;
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return withFields(secret, { data: { ...secret.data, ...Object.fromEntries(encoded) } });
}

function preparePolicy(object: KubeObject): KubeObject {
  const spec = specOf(object);
  const policyTypes = spec.policyTypes ?? (spec.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress']);
  return withFields(object, { spec: { ...spec, policyTypes } });
}

function prepareStatefulSet(object: KubeObject, old: KubeObject | undefined): KubeObject {
  const spec = withTemplateAlias(specOf(object));
  const templates = Array.isArray(spec.volumeClaimTemplates)
    ? spec.volumeClaimTemplates.map((claim) => prepareClaimTemplate(fieldsOf(claim)))
    : undefined;
  return withFields(object, {
    spec: { ...spec, ...(templates === undefined ? {} : { volumeClaimTemplates: templates }) },
    ...initialStatus(old, { replicas: 0, availableReplicas: 0 }),
  });
}

function prepareDeployment(object: KubeObject, old: KubeObject | undefined): KubeObject {
  const spec = withTemplateAlias(specOf(object));
  const strategy = fieldsOf(spec.strategy);
  const rolling = { maxSurge: '25%', maxUnavailable: '25%', ...fieldsOf(strategy.rollingUpdate) };
  const filled = strategy.type === 'RollingUpdate' ? { ...strategy, rollingUpdate: rolling } : strategy;
  return withFields(object, { spec: { ...spec, strategy: filled }, ...initialStatus(old, {}) });
}

function prepareClaim(object: KubeObject, old: KubeObject | undefined): KubeObject {
  return withFields(object, initialStatus(old, { phase: 'Pending' }));
}

function prepareBudget(object: KubeObject, old: KubeObject | undefined): KubeObject {
  return withFields(
    object,
    initialStatus(old, { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 }),
  );
}

function prepareQuota(object: KubeObject, old: KubeObject | undefined): KubeObject {
  return withFields(object, initialStatus(old, {}));
}

function prepareClaimTemplate(claim: Fields): Fields {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    ...claim,
    spec: { volumeMode: 'Filesystem', ...fieldsOf(claim.spec) },
    status: { phase: 'Pending' },
  };
}

function prepareDefinition(object: KubeObject): KubeObject {
  const spec = (object as CustomResourceDefinition).spec; // rules are asked of objects of their own kind
  if (spec === undefined) return object;
  const names = { listKind: `${spec.names.kind}List`, singular: spec.names.kind.toLowerCase(), ...spec.names };
  const since = object.metadata.creationTimestamp ?? '';
  const conditions = ['NamesAccepted', 'Established'].map((type) => ({
    type,
    status: 'True',
    reason: type === 'Established' ? 'InitialNamesAccepted' : 'NoConflicts',
    message: '',
    lastTransitionTime: since,
  }));
  const status = {
    acceptedNames: names,
    storedVersions: spec.versions.filter((v) => v.storage).map((v) => v.name),
    conditions,
  };
  return withFields(object, { spec: { conversion: { strategy: 'None' }, ...spec, names }, status });
}

function validateImmutable(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const [before, after] = [fieldsOf(old), fieldsOf(object)];
  if (before.immutable !== true) return [];
  const changed = ['immutable', 'data', 'binaryData'].filter(
    (name) => !isJsonEqual(before[name] ?? {}, after[name] ?? {}),
  );
  return changed.map((path) => ({ type: 'Forbidden', path, detail: 'field is immutable when `immutable` is set' }));
}

function validateClaim(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  if (old === undefined) return [];
  const [before, after] = [specOf(old), specOf(object)].map(({ volumeName: _v, resources, ...rest }) =>
    isBoundClaim(old) ? rest : { ...rest, resources },
  );
  if (!isJsonEqual(before, after)) {
    const detail =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    return [{ type: 'Forbidden', path: 'spec', detail }];
  }
  return validateClaimSize(object, old);
}

function isBoundClaim(claim: PersistentVolumeClaim): boolean {
  return claim.status?.phase === 'Bound';
}

/** A request may be taken back as long as the volume has not grown. Source: ValidatePersistentVolumeClaimUpdate. */
function validateClaimSize(object: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const [wanted, before] = [object, old].map(({ spec }) => toAmount(spec?.resources?.requests?.storage));
  const capacity = toAmount(old.status?.capacity?.storage);
  if (wanted === undefined || before === undefined || wanted >= before || (capacity ?? before) < wanted) return [];
  const detail = 'field can not be less than status.capacity';
  return [{ type: 'Forbidden', path: 'spec.resources.requests.storage', detail }];
}

function toAmount(text: string | undefined): bigint | undefined {
  return text === undefined ? undefined : parseQuantityNanos(text);
}

const mutableStatefulSetFields = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

function validateStatefulSet(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  return [
    ...validateReplicas(object),
    ...validateSelector(object),
    ...validateMounts(object),
    ...validateContainers(object),
    ...(old === undefined ? [] : validateStatefulSetUpdate(object, old)),
  ];
}

function validateStatefulSetUpdate(object: KubeObject, old: KubeObject): FieldError[] {
  const [before, after] = [specOf(old), specOf(object)].map((spec) =>
    Object.fromEntries(Object.entries(spec).filter(([name]) => !mutableStatefulSetFields.includes(name))),
  );
  if (isJsonEqual(before, after)) return [];
  const detail =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  return [{ type: 'Forbidden', path: 'spec', detail }];
}

function validateDeployment(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const { selector } = specOf(object);
  const isMoved = old !== undefined && !isJsonEqual(selector, specOf(old).selector);
  const errors: FieldError[] = isMoved
    ? [{ type: 'Invalid', path: 'spec.selector', value: selector, detail: 'field is immutable' }]
    : [];
  return [
    ...validateReplicas(object),
    ...validateSelector(object),
    ...validateMounts(object),
    ...validateContainers(object),
    ...validateStrategy(object),
    ...errors,
  ];
}

function validateReplicas(object: KubeObject): FieldError[] {
  const { replicas } = specOf(object);
  if (typeof replicas !== 'number' || replicas >= 0) return [];
  const detail = 'must be greater than or equal to 0';
  return [{ type: 'Invalid', path: 'spec.replicas', value: replicas, detail }];
}

/** A default that stays behind when the type changes is refused too: whoever changes it has to take it away. */
function validateStrategy(object: KubeObject): FieldError[] {
  const strategy = fieldsOf(specOf(object).strategy);
  if (strategy.type !== 'Recreate' || strategy.rollingUpdate === undefined) return [];
  const detail = "may not be specified when strategy `type` is 'Recreate'";
  return [{ type: 'Forbidden', path: 'spec.strategy.rollingUpdate', detail }];
}

/** Source: pkg/apis/apps/validation `selector` does not match template `labels`. */
function validateSelector(object: KubeObject): FieldError[] {
  const { spec } = object as StatefulSet; // rules are asked of objects of their own kind
  const labels = spec?.template.metadata?.labels ?? {};
  if (spec === undefined || matchLabelSelector(spec.selector, labels)) return [];
  return [
    {
      type: 'Invalid',
      path: 'spec.template.metadata.labels',
      value: labels,
      detail: '`selector` does not match template `labels`',
    },
  ];
}

/** Source: pkg/apis/core/validation: ValidateContainerPorts and validateEnvVarValueFrom, as far as one field excludes another. */
function validateContainers(object: KubeObject): FieldError[] {
  const { spec } = object as StatefulSet; // rules are asked of objects of their own kind
  return (spec?.template.spec.containers ?? []).flatMap(({ ports = [], env = [] }, index) => {
    const path = `spec.template.spec.containers[${index}]`;
    const names = ports.map(({ name }) => name);
    return [
      ...names.flatMap((name, at): FieldError[] =>
        name === undefined || names.indexOf(name) === at
          ? []
          : [{ type: 'Duplicate', path: `${path}.ports[${at}].name`, value: name }],
      ),
      ...env.flatMap(({ value = '', valueFrom }, at): FieldError[] => {
        const detail = 'may not be specified when `value` is not empty';
        return value === '' || valueFrom === undefined
          ? []
          : [{ type: 'Invalid', path: `${path}.env[${at}].valueFrom`, value: '', detail }];
      }),
    ];
  });
}

/** Source: pkg/apis/core/validation: each mount names a volume of the pod. */
function validateMounts(object: KubeObject): FieldError[] {
  const { spec } = object as StatefulSet; // rules are asked of objects of their own kind
  const pod = spec?.template.spec;
  const claims = spec?.volumeClaimTemplates?.map((claim) => claim.metadata?.name) ?? [];
  const known = new Set([...claims, ...(pod?.volumes ?? []).map((volume) => volume.name)]);
  return (pod?.containers ?? []).flatMap((container, c) =>
    (container.volumeMounts ?? []).flatMap((mount, m): FieldError[] =>
      known.has(mount.name)
        ? []
        : [
            {
              type: 'NotFound',
              path: `spec.template.spec.containers[${c}].volumeMounts[${m}].name`,
              value: mount.name,
            },
          ],
    ),
  );
}
