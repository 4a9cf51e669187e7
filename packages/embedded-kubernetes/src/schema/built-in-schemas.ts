import type { Json } from '@hybridstore/controller-runtime';
import * as models from '@kubernetes/client-node/dist/gen/models/all.js';
import { anySchema, type Schema } from './schema.ts';

type AttributeType = {
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const schemas = new Map<string, Schema>();

/**
 * The schemas of built-in kinds, derived from the field tables that @kubernetes/client-node generates from the
 * Kubernetes OpenAPI document. Those tables know names and types; what they leave out is added here: merge keys,
 * atomic maps, required fields and defaults, for the kinds that are written here.
 * Source of the additions: staging/src/k8s.io/api `+listMapKey`, `+structType`, `+required`; pkg/apis/<group>/v1/defaults.go.
 *
 * The schema of a client-node model class, `V1StatefulSet` for example. Cyclic where the kind is.
 */
export function builtInSchema(model: string): Schema {
  const known = schemas.get(model);
  if (known !== undefined) return known;
  const schema: Mutable<Schema> = { type: 'object' };
  schemas.set(model, schema); // before its fields, which may lead back here
  const properties: Record<string, Schema> = {};
  for (const attribute of attributesOf(model)) properties[attribute.baseName] = schemaOfAttribute(model, attribute);
  schema.properties = properties;
  if (atomicModels.has(model)) schema['x-kubernetes-map-type'] = 'atomic';
  const required = requiredFields[model];
  if (required !== undefined) schema.required = required;
  return schema;
}

function attributesOf(model: string): readonly AttributeType[] {
  const found: unknown = (models as Readonly<Record<string, unknown>>)[model]; // a module is its exports
  const table = typeof found === 'function' && 'attributeTypeMap' in found ? found.attributeTypeMap : undefined;
  if (!Array.isArray(table)) throw new TypeError(`client-node has no model ${model}`);
  return table as readonly AttributeType[]; // generated tables have this shape
}

function schemaOfAttribute(model: string, attribute: AttributeType): Schema {
  const path = `${model}.${attribute.baseName}`;
  const schema: Mutable<Schema> = { ...schemaOfType(attribute.type, attribute.format) };
  const keys = mergeKeys[path];
  if (keys !== undefined) {
    schema['x-kubernetes-list-type'] = 'map';
    schema['x-kubernetes-list-map-keys'] = keys;
  }
  if (setLists.has(path)) schema['x-kubernetes-list-type'] = 'set';
  const patchKey = patchMergeKeys[path];
  if (patchKey !== undefined) {
    schema['x-kubernetes-patch-strategy'] = 'merge';
    if (patchKey !== '') schema['x-kubernetes-patch-merge-key'] = patchKey;
  }
  if (replacedMaps.has(path)) return { ...schema, 'x-kubernetes-patch-strategy': 'replace' };
  if (atomicMaps.has(path)) schema['x-kubernetes-map-type'] = 'atomic';
  if (quantityMaps.has(path)) schema.additionalProperties = quantitySchema;
  if (quantityFields.has(path))
    return path in defaults ? { ...quantitySchema, default: defaults[path] ?? null } : quantitySchema;
  const fallback = defaults[path];
  return fallback === undefined ? refOrSelf(schema, attribute, keys) : { ...schema, default: fallback };
}

/** A model's node must stay the shared one, or its cycles would be copied without end. */
function refOrSelf(schema: Schema, attribute: AttributeType, keys: readonly string[] | undefined): Schema {
  return keys === undefined && isModel(attribute.type) ? builtInSchema(attribute.type) : schema;
}

function isModel(type: string): boolean {
  return type in models;
}

function schemaOfType(type: string, format: string): Schema {
  const list = /^Array<(.+)>$/.exec(type)?.[1];
  if (list !== undefined) return { type: 'array', items: schemaOfType(list, format) };
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (map !== undefined) return { type: 'object', additionalProperties: schemaOfType(map, format) };
  return isModel(type) ? builtInSchema(type) : schemaOfScalar(type, format);
}

function schemaOfScalar(type: string, format: string): Schema {
  switch (type) {
    case 'string':
      return format === 'byte' ? { type: 'string', format: 'byte' } : { type: 'string' };
    case 'Date':
    case 'V1MicroTime':
      return { type: 'string', format: 'date-time' };
    case 'number':
      return format.startsWith('int') ? { type: 'integer', format } : { type: 'number' };
    case 'boolean':
      return { type: 'boolean' };
    case 'IntOrString':
      return { 'x-kubernetes-int-or-string': true };
    default:
      return anySchema;
  }
}

const quantitySchema: Schema = { 'x-kubernetes-int-or-string': true, format: 'quantity' };

const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  'V1ObjectMeta.ownerReferences': ['uid'],
  'V1PodSpec.containers': ['name'],
  'V1PodSpec.initContainers': ['name'],
  'V1PodSpec.ephemeralContainers': ['name'],
  'V1PodSpec.volumes': ['name'],
  'V1PodSpec.imagePullSecrets': ['name'],
  'V1PodSpec.hostAliases': ['ip'],
  'V1PodSpec.topologySpreadConstraints': ['topologyKey', 'whenUnsatisfiable'],
  'V1PodSpec.schedulingGates': ['name'],
  'V1Container.env': ['name'],
  'V1Container.ports': ['containerPort', 'protocol'],
  'V1Container.volumeMounts': ['mountPath'],
  'V1Container.volumeDevices': ['devicePath'],
  'V1PodStatus.conditions': ['type'],
  'V1PodStatus.podIPs': ['ip'],
  'V1ServiceSpec.ports': ['port', 'protocol'],
  'V1ServiceStatus.conditions': ['type'],
  'V1ServiceAccount.secrets': ['name'],
  'V1StatefulSetStatus.conditions': ['type'],
  'V1DeploymentStatus.conditions': ['type'],
  'V1PersistentVolumeClaimStatus.conditions': ['type'],
  'V1PodDisruptionBudgetStatus.conditions': ['type'],
  'V1NamespaceStatus.conditions': ['type'],
  'V1CustomResourceDefinitionStatus.conditions': ['type'],
};

/**
 * Lists that a strategic merge patch merges, with the key of their items; of plain values without one. All others are
 * replaced, tolerations among them. Source: staging/src/k8s.io/api `patchStrategy` and `patchMergeKey`, v0.35.
 */
const patchMergeKeys: Readonly<Record<string, string>> = {
  'V1ObjectMeta.ownerReferences': 'uid',
  'V1ObjectMeta.finalizers': '',
  'V1PodSpec.containers': 'name',
  'V1PodSpec.initContainers': 'name',
  'V1PodSpec.ephemeralContainers': 'name',
  'V1PodSpec.volumes': 'name',
  'V1PodSpec.imagePullSecrets': 'name',
  'V1PodSpec.hostAliases': 'ip',
  'V1PodSpec.topologySpreadConstraints': 'topologyKey',
  'V1PodSpec.schedulingGates': 'name',
  'V1PodSpec.resourceClaims': 'name',
  'V1PodStatus.conditions': 'type',
  'V1PodStatus.podIPs': 'ip',
  'V1PodStatus.hostIPs': 'ip',
  'V1Container.env': 'name',
  'V1Container.ports': 'containerPort',
  'V1Container.volumeMounts': 'mountPath',
  'V1Container.volumeDevices': 'devicePath',
  'V1EphemeralContainer.env': 'name',
  'V1EphemeralContainer.ports': 'containerPort',
  'V1EphemeralContainer.volumeMounts': 'mountPath',
  'V1EphemeralContainer.volumeDevices': 'devicePath',
  'V1NodeSpec.podCIDRs': '',
  'V1NodeStatus.conditions': 'type',
  'V1NodeStatus.addresses': 'type',
  'V1NamespaceStatus.conditions': 'type',
  'V1ServiceSpec.ports': 'port',
  'V1ServiceStatus.conditions': 'type',
  'V1ServiceAccount.secrets': 'name',
  'V1StatefulSetStatus.conditions': 'type',
  'V1DeploymentStatus.conditions': 'type',
  'V1PersistentVolumeClaimStatus.conditions': 'type',
  'V1PodDisruptionBudgetStatus.conditions': 'type',
};

const replacedMaps: ReadonlySet<string> = new Set(['V1PodDisruptionBudgetSpec.selector']);

const setLists: ReadonlySet<string> = new Set(['V1ObjectMeta.finalizers']);

const atomicMaps: ReadonlySet<string> = new Set(['V1ServiceSpec.selector', 'V1PodSpec.nodeSelector']);

const atomicModels: ReadonlySet<string> = new Set([
  'V1LabelSelector',
  'V1ObjectFieldSelector',
  'V1ResourceFieldSelector',
  'V1SecretKeySelector',
  'V1ConfigMapKeySelector',
  'V1LocalObjectReference',
  'V1ObjectReference',
  'V1TypedLocalObjectReference',
  'V1NodeSelector',
  'V1NodeSelectorTerm',
  'V1OwnerReference',
  'V1ScopeSelector',
]);

const quantityMaps: ReadonlySet<string> = new Set([
  'V1ResourceRequirements.requests',
  'V1ResourceRequirements.limits',
  'V1VolumeResourceRequirements.requests',
  'V1VolumeResourceRequirements.limits',
  'V1ResourceQuotaSpec.hard',
  'V1ResourceQuotaStatus.hard',
  'V1ResourceQuotaStatus.used',
  'V1LimitRangeItem._default',
  'V1LimitRangeItem.default',
  'V1LimitRangeItem.defaultRequest',
  'V1LimitRangeItem.max',
  'V1LimitRangeItem.min',
  'V1PersistentVolumeClaimStatus.capacity',
]);

const quantityFields: ReadonlySet<string> = new Set([
  'V1EmptyDirVolumeSource.sizeLimit',
  'V1ResourceFieldSelector.divisor',
]);

const requiredFields: Readonly<Record<string, readonly string[]>> = {
  V1StatefulSet: ['spec'],
  V1StatefulSetSpec: ['selector', 'template'],
  V1Deployment: ['spec'],
  V1DeploymentSpec: ['selector', 'template'],
  V1PodTemplateSpec: ['spec'],
  V1Pod: ['spec'],
  V1PodSpec: ['containers'],
  V1Container: ['name', 'image'],
  V1ContainerPort: ['containerPort'],
  V1EnvVar: ['name'],
  V1SecretKeySelector: ['key'],
  V1ConfigMapKeySelector: ['key'],
  V1ObjectFieldSelector: ['fieldPath'],
  V1VolumeMount: ['name', 'mountPath'],
  V1Volume: ['name'],
  V1HTTPGetAction: ['port'],
  V1ServicePort: ['port'],
  V1OwnerReference: ['apiVersion', 'kind', 'name', 'uid'],
  V1EndpointSlice: ['addressType', 'endpoints'],
  V1LimitRangeSpec: ['limits'],
  V1LimitRangeItem: ['type'],
  V1CustomResourceDefinition: ['spec'],
  V1CustomResourceDefinitionSpec: ['group', 'names', 'scope', 'versions'],
  EventsV1Event: ['eventTime'],
};

const defaults: Readonly<Record<string, Json>> = {
  'V1PodSpec.restartPolicy': 'Always',
  'V1PodSpec.terminationGracePeriodSeconds': 30,
  'V1PodSpec.dnsPolicy': 'ClusterFirst',
  'V1PodSpec.schedulerName': 'default-scheduler',
  'V1PodSpec.securityContext': {},
  'V1Container.imagePullPolicy': 'IfNotPresent',
  'V1Container.resources': {},
  'V1Container.terminationMessagePath': '/dev/termination-log',
  'V1Container.terminationMessagePolicy': 'File',
  'V1ContainerPort.protocol': 'TCP',
  'V1ObjectFieldSelector.apiVersion': 'v1',
  'V1ResourceFieldSelector.divisor': '0',
  'V1Probe.timeoutSeconds': 1,
  'V1Probe.periodSeconds': 10,
  'V1Probe.successThreshold': 1,
  'V1Probe.failureThreshold': 3,
  'V1HTTPGetAction.scheme': 'HTTP',
  'V1HTTPGetAction.path': '/',
  'V1SecretVolumeSource.defaultMode': 420,
  'V1ConfigMapVolumeSource.defaultMode': 420,
  'V1ProjectedVolumeSource.defaultMode': 420,
  'V1ServiceSpec.type': 'ClusterIP',
  'V1ServiceSpec.sessionAffinity': 'None',
  'V1ServiceSpec.internalTrafficPolicy': 'Cluster',
  'V1ServiceSpec.ipFamilyPolicy': 'SingleStack',
  'V1ServiceSpec.ipFamilies': ['IPv4'],
  'V1ServicePort.protocol': 'TCP',
  'V1StatefulSetSpec.replicas': 1,
  'V1StatefulSetSpec.podManagementPolicy': 'OrderedReady',
  'V1StatefulSetSpec.revisionHistoryLimit': 10,
  'V1StatefulSetSpec.updateStrategy': { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
  'V1RollingUpdateStatefulSetStrategy.partition': 0,
  'V1StatefulSetUpdateStrategy.type': 'RollingUpdate',
  'V1StatefulSetSpec.persistentVolumeClaimRetentionPolicy': { whenDeleted: 'Retain', whenScaled: 'Retain' },
  'V1StatefulSetPersistentVolumeClaimRetentionPolicy.whenDeleted': 'Retain',
  'V1StatefulSetPersistentVolumeClaimRetentionPolicy.whenScaled': 'Retain',
  'V1DeploymentSpec.replicas': 1,
  'V1DeploymentSpec.revisionHistoryLimit': 10,
  'V1DeploymentSpec.progressDeadlineSeconds': 600,
  'V1DeploymentSpec.strategy': { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
  'V1DeploymentStrategy.type': 'RollingUpdate',
  'V1PersistentVolumeClaimSpec.volumeMode': 'Filesystem',
  'V1Secret.type': 'Opaque',
  'V1NetworkPolicyPort.protocol': 'TCP',
};
