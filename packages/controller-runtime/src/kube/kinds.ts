import type * as client from '@kubernetes/client-node';
import type { KubeObject, ObjectMeta } from './object.ts';
import { defineResource } from './resource.ts';

/**
 * The built-in kinds as their JSON is on the wire, from the types that client-node generates of the API: read-only, times
 * as text, and words that TypeScript reserves under their own names (`from`, `default`), where the generator puts an
 * underscore before them.
 *
 * Deliberately left out: closed sets of words (`phase`, `restartPolicy`), which the generator does not know.
 */
type OnWire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly OnWire<Item>[]
    : T extends object
      ? { readonly [Name in keyof T as WireName<Name>]: FieldOnWire<Name, T[Name]> }
      : T;

type WireName<Name> = Name extends `_${infer Word}` ? Word : Name;

type FieldOnWire<Name, T> = Name extends keyof OwnFields ? OwnFields[Name] : OnWire<T>;

/** Where the generated types are not what the wire carries, or say less than the API server asks for. */
type OwnFields = {
  readonly metadata: ObjectMeta;
  readonly template: PodTemplateSpec;
  /** The generator spells `x-kubernetes-…` with underscores. */
  readonly openAPIV3Schema: Readonly<Record<string, unknown>>;
};

type Kind<T> = KubeObject & Omit<OnWire<T>, keyof KubeObject>;

export type ConfigMap = Kind<client.V1ConfigMap>;
export type Container = OnWire<client.V1Container>;
export type ContainerState = OnWire<client.V1ContainerState>;
export type CustomResourceDefinition = Kind<client.V1CustomResourceDefinition>;
export type CustomResourceVersion = OnWire<client.V1CustomResourceDefinitionVersion>;
export type Deployment = Kind<client.V1Deployment>;
export type EndpointSlice = Kind<client.V1EndpointSlice>;
export type EnvironmentVariable = OnWire<client.V1EnvVar>;
export type KubeEvent = Kind<client.EventsV1Event>;
export type LabelSelector = OnWire<client.V1LabelSelector>;
export type Labels = Readonly<Record<string, string>>;
export type Lease = Kind<client.V1Lease>;
export type LimitRange = Kind<client.V1LimitRange>;
export type Namespace = Kind<client.V1Namespace>;
export type NetworkPolicy = Kind<client.V1NetworkPolicy>;
export type NetworkPolicyPeer = OnWire<client.V1NetworkPolicyPeer>;
export type ObjectReference = OnWire<client.V1ObjectReference>;
export type PersistentVolumeClaim = Kind<client.V1PersistentVolumeClaim>;
export type PersistentVolumeClaimSpec = OnWire<client.V1PersistentVolumeClaimSpec>;
/** A pod without a spec exists in the generated types only. */
export type Pod = Kind<client.V1Pod> & { readonly spec: PodSpec };
export type PodCondition = OnWire<client.V1PodCondition>;
export type PodDisruptionBudget = Kind<client.V1PodDisruptionBudget>;
export type PodSpec = OnWire<client.V1PodSpec>;
export type PodStatus = OnWire<client.V1PodStatus>;
export type PodTemplateSpec = { readonly metadata?: ObjectMeta; readonly spec: PodSpec };
export type Probe = OnWire<client.V1Probe>;
export type ResourceQuota = Kind<client.V1ResourceQuota>;
export type ResourceRequirements = OnWire<client.V1ResourceRequirements>;
/** `autoscaling/v1`, as the scale subresource answers. */
export type Scale = Kind<client.V1Scale>;
export type Secret = Kind<client.V1Secret>;
export type Service = Kind<client.V1Service>;
export type ServiceAccount = Kind<client.V1ServiceAccount>;
export type StatefulSet = Kind<client.V1StatefulSet>;
export type Volume = OnWire<client.V1Volume>;
export type VolumeMount = OnWire<client.V1VolumeMount>;

export const pods = defineResource<Pod>('v1', 'Pod', 'pods');
export const services = defineResource<Service>('v1', 'Service', 'services');
export const configMaps = defineResource<ConfigMap>('v1', 'ConfigMap', 'configmaps');
export const secrets = defineResource<Secret>('v1', 'Secret', 'secrets');
export const serviceAccounts = defineResource<ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts');
export const persistentVolumeClaims = defineResource<PersistentVolumeClaim>(
  'v1',
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
);
export const resourceQuotas = defineResource<ResourceQuota>('v1', 'ResourceQuota', 'resourcequotas');
export const limitRanges = defineResource<LimitRange>('v1', 'LimitRange', 'limitranges');
export const namespaces = defineResource<Namespace>('v1', 'Namespace', 'namespaces', 'cluster');
export const statefulSets = defineResource<StatefulSet>('apps/v1', 'StatefulSet', 'statefulsets');
export const deployments = defineResource<Deployment>('apps/v1', 'Deployment', 'deployments');
export const networkPolicies = defineResource<NetworkPolicy>(
  'networking.k8s.io/v1',
  'NetworkPolicy',
  'networkpolicies',
);
export const podDisruptionBudgets = defineResource<PodDisruptionBudget>(
  'policy/v1',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
);
export const endpointSlices = defineResource<EndpointSlice>('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices');
export const leases = defineResource<Lease>('coordination.k8s.io/v1', 'Lease', 'leases');
export const events = defineResource<KubeEvent>('events.k8s.io/v1', 'Event', 'events');
export const customResourceDefinitions = defineResource<CustomResourceDefinition>(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  'cluster',
);
