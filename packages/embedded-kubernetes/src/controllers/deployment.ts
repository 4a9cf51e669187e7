import type { Deployment, Pod } from '@hybridstore/controller-runtime';
import { keyOf, type Stored } from '@hybridstore/controller-runtime';
import type { Action } from './action.ts';
import { buildPod, hashTemplate, isFinished, isLeaving, isOwnedBy, isReady } from './pod-state.ts';

const hashLabel = 'pod-template-hash';
/** One pod more than wanted while pods are replaced, never one less. */
const surgePods = 1;

/** What a Deployment needs next. There are no ReplicaSets: a pod carries the hash of its template, and that is its set. */
export function decideDeployment(
  deployment: Stored<Deployment>,
  pods: readonly Stored<Pod>[],
  random: () => string,
): Action[] {
  if (!deployment.spec || deployment.metadata.deletionTimestamp !== undefined || deployment.spec.paused) return [];
  const own = pods.filter((pod) => isOwnedBy(pod, deployment) && !isLeaving(pod));
  const finished = own.filter(isFinished);
  if (finished.length > 0) return finished.map(deletePod);
  const hash = hashTemplate(deployment.spec.template);
  const current = own.filter((pod) => pod.metadata.labels?.[hashLabel] === hash);
  const old = own.filter((pod) => pod.metadata.labels?.[hashLabel] !== hash);
  const isRecreate = deployment.spec.strategy?.type === 'Recreate';
  // Two pods of a Recreate deployment must never run together: the leaving ones have to be gone, not just asked to go.
  if (isRecreate && (old.length > 0 || pods.some((pod) => isOwnedBy(pod, deployment) && isLeaving(pod))))
    return old.map(deletePod);
  return [...decideCreation(deployment, current, old, hash, random), ...decideRemoval(deployment, current, old)];
}

function decideCreation(
  deployment: Stored<Deployment>,
  current: readonly Pod[],
  old: readonly Pod[],
  hash: string,
  random: () => string,
): Action[] {
  const wanted = deployment.spec?.replicas ?? 1;
  const roomForSurge = wanted + (old.length > 0 ? surgePods : 0) - current.length - old.length;
  const count = Math.max(0, Math.min(wanted - current.length, roomForSurge));
  const template = deployment.spec?.template ?? { spec: { containers: [] } };
  return Array.from({ length: count }, () => ({
    kind: 'create-pod',
    pod: buildPod(deployment, template, `${deployment.metadata.name}-${hash}-${random()}`, {
      labels: { [hashLabel]: hash },
    }),
  }));
}

function decideRemoval(
  deployment: Stored<Deployment>,
  current: readonly Stored<Pod>[],
  old: readonly Stored<Pod>[],
): Action[] {
  const wanted = deployment.spec?.replicas ?? 1;
  const surplus = current.slice(wanted);
  const readyCount = [...current, ...old].filter(isReady).length;
  const unready = old.filter((pod) => !isReady(pod));
  const replaceable = old.filter(isReady).slice(0, Math.max(0, readyCount - wanted));
  return [...surplus, ...unready, ...replaceable].map(deletePod);
}

function deletePod(pod: Stored<Pod>): Action {
  return { kind: 'delete-pod', key: keyOf(pod), uid: pod.metadata.uid };
}

export function readDeploymentStatus(
  deployment: Stored<Deployment>,
  pods: readonly Stored<Pod>[],
  time: string,
): NonNullable<Deployment['status']> {
  const own = pods.filter((pod) => isOwnedBy(pod, deployment) && !isLeaving(pod));
  const hash = deployment.spec ? hashTemplate(deployment.spec.template) : '';
  const ready = own.filter(isReady).length;
  const updated = own.filter((pod) => pod.metadata.labels?.[hashLabel] === hash).length;
  const wanted = deployment.spec?.replicas ?? 1;
  const isAvailable = ready >= wanted;
  return {
    observedGeneration: deployment.metadata.generation ?? 1,
    replicas: own.length,
    readyReplicas: ready,
    availableReplicas: ready,
    unavailableReplicas: Math.max(0, wanted - ready),
    updatedReplicas: updated,
    conditions: [
      condition(
        deployment,
        'Available',
        isAvailable,
        isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
        time,
      ),
      condition(
        deployment,
        'Progressing',
        true,
        isAvailable && updated === wanted ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
        time,
      ),
    ],
  };
}

type DeploymentCondition = NonNullable<NonNullable<Deployment['status']>['conditions']>[number];

function condition(
  deployment: Stored<Deployment>,
  type: string,
  isTrue: boolean,
  reason: string,
  time: string,
): DeploymentCondition {
  const status = isTrue ? 'True' : 'False';
  const before = deployment.status?.conditions?.find((one) => one.type === type);
  const isSame = before?.status === status && before.reason === reason;
  return {
    type,
    status,
    reason,
    lastTransitionTime: (before?.status === status ? before.lastTransitionTime : undefined) ?? time,
    lastUpdateTime: (isSame ? before.lastUpdateTime : undefined) ?? time,
  };
}
