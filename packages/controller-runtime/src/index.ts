export { runControlLoop } from './controller/control-loop.ts';
export { Controller, type ControllerOptions, ownerKeys, type Reconcile } from './controller/controller.ts';
export { Expectations } from './controller/expectations.ts';
export { Informer } from './controller/informer.ts';
export { renewDeadlineMs } from './controller/leader-election.ts';
export { createMachineMetrics, type MachineMetrics } from './controller/machine-metrics.ts';
export type { CacheChange } from './controller/object-cache.ts';
export { done, type ReconcileResult, requeueAfter, wait } from './controller/reconcile-result.ts';
export { type Lead, type LedOptions, runLed } from './controller/run-led.ts';
export { ApiServerKube } from './kube/api-server/api-server-kube.ts';
export { connectKube } from './kube/api-server/connect-kube.ts';
export { loadKubeConfig } from './kube/api-server/credentials.ts';
export { type ForwardedPort, type ForwardTarget, forwardPort } from './kube/api-server/port-forward.ts';
export { createRestClientMetrics, type RestClientMetrics } from './kube/api-server/rest-client-metrics.ts';
export { extractAppliedAt, isApplied, isAppliedAt } from './kube/applied.ts';
export { isAlreadyExists, isExpired, kubeError, type StatusCause, toStatus } from './kube/errors.ts';
export { EventRecorder } from './kube/event-recorder.ts';
export { canonicalJson, deepFreeze, isJsonEqual, isJsonObject, type Json, type JsonObject } from './kube/json.ts';
export { readJsonPath } from './kube/json-path.ts';
export {
  type ConfigMap,
  type Container,
  type ContainerState,
  type CustomResourceDefinition,
  type CustomResourceVersion,
  configMaps,
  customResourceDefinitions,
  type Deployment,
  deployments,
  type EndpointSlice,
  type EnvironmentVariable,
  endpointSlices,
  events,
  type KubeEvent,
  type LabelSelector,
  type Labels,
  type Lease,
  type LimitRange,
  leases,
  limitRanges,
  type Namespace,
  type NetworkPolicy,
  type NetworkPolicyPeer,
  namespaces,
  networkPolicies,
  type ObjectReference,
  type PersistentVolumeClaim,
  type PersistentVolumeClaimSpec,
  type Pod,
  type PodCondition,
  type PodDisruptionBudget,
  type PodSpec,
  type PodStatus,
  type PodTemplateSpec,
  type Probe,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  type ResourceQuota,
  type ResourceRequirements,
  resourceQuotas,
  type Scale,
  type Secret,
  type Service,
  type ServiceAccount,
  type StatefulSet,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
  type Volume,
  type VolumeMount,
} from './kube/kinds.ts';
export {
  buildControllerReference,
  type FieldsV1,
  formatKey,
  type KubeObject,
  keyOf,
  type ManagedFieldsEntry,
  type ObjectKey,
  type ObjectMeta,
  type OwnerReference,
  type Stored,
} from './kube/object.ts';
export {
  type ApplyOptions,
  type DeleteOptions,
  type EventInput,
  type GetOptions,
  type Kube,
  type ListOptions,
  type ListPage,
  listAll,
  type StatusPatch,
  type UpdateOptions,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './kube/ports.ts';
export { canonicalQuantity, parseQuantityNanos, quantityToNumber } from './kube/quantity.ts';
export { defineResource, formatGroupResource, parseApiVersion, type Resource } from './kube/resource.ts';
export { formatTime } from './kube/time.ts';
export { type CachedKind, Caches, type CachesOptions } from './reconcile/caches.ts';
export { type Child, Children, type Compared, child } from './reconcile/children.ts';
export { findTransitions, type Judgement, toConditions } from './reconcile/conditions.ts';
export { ensureFinalizer, type Finalizer, hasFinalizer, removeFinalizer } from './reconcile/finalizers.ts';
export { createStatusReader } from './reconcile/known-status.ts';
export { addFinalizer, type Parsed, parseOnce, refuseInvalid, waitForCache } from './reconcile/object-steps.ts';
export type { GrantedRule, PolicyRule } from './reconcile/rbac.ts';
export { type Notice, type Report, type ReportTools, recordEvent, writeReport } from './reconcile/report.ts';
export {
  type Ending,
  type Proceed,
  proceed,
  type Refused,
  type ReportStep,
  refuse,
  type Step,
  type StepResult,
  Steps,
} from './reconcile/run-steps.ts';
export {
  type CacheOf,
  type ClusterView,
  createView,
  getOrNothing,
  type ParentNameOf,
} from './reconcile/view.ts';
