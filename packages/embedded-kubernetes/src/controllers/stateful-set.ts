import type { PersistentVolumeClaim, Pod, StatefulSet } from '@hybridstore/controller-runtime';
import { buildControllerReference, keyOf, type Stored } from '@hybridstore/controller-runtime';
import type { Action } from './action.ts';
import { buildPod, hashTemplate, isFinished, isLeaving, isOwnedBy, isReady } from './pod-state.ts';

const revisionLabel = 'controller-revision-hash';

type World = { readonly pods: readonly Stored<Pod>[]; readonly claims: readonly Stored<PersistentVolumeClaim>[] };

/**
 * What a StatefulSet needs next: ordinals 0…n-1, each with its claims; surplus pods go from the highest ordinal; a pod of
 * another revision is replaced from the highest ordinal down, one at a time, the next when the last one is ready.
 */
export function decideStatefulSet(set: Stored<StatefulSet>, world: World): Action[] {
  if (!set.spec || set.metadata.deletionTimestamp !== undefined) return [];
  const pods = podsOf(set, world.pods);
  const actions = [...decideClaims(set, world.claims), ...decideScale(set, pods)];
  return actions.some((action) => action.kind.endsWith('-pod'))
    ? actions
    : [...actions, ...decideUpdate(set, pods), ...decideClaimRemoval(set, pods, world.claims)];
}

export function podsOf(set: Stored<StatefulSet>, pods: readonly Stored<Pod>[]): ReadonlyMap<number, Stored<Pod>> {
  return new Map(pods.filter((pod) => isOwnedBy(pod, set)).map((pod) => [ordinalOf(pod.metadata.name), pod]));
}

function ordinalOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}

function wantedOrdinals(set: Stored<StatefulSet>): readonly number[] {
  const start = set.spec?.ordinals?.start ?? 0;
  return Array.from({ length: set.spec?.replicas ?? 1 }, (_, index) => start + index);
}

function decideClaims(set: Stored<StatefulSet>, claims: readonly Stored<PersistentVolumeClaim>[]): Action[] {
  const names = new Set(
    claims.filter((claim) => claim.metadata.namespace === set.metadata.namespace).map((claim) => claim.metadata.name),
  );
  return wantedOrdinals(set)
    .flatMap((ordinal) => buildClaims(set, ordinal))
    .filter((claim) => !names.has(claim.metadata?.name ?? ''))
    .map((claim) => ({ kind: 'create-claim', claim }));
}

function buildClaims(set: Stored<StatefulSet>, ordinal: number): PersistentVolumeClaim[] {
  const isDeletedWithSet = set.spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete';
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: `${template.metadata?.name}-${set.metadata.name}-${ordinal}`,
      ...(set.metadata.namespace === undefined ? {} : { namespace: set.metadata.namespace }),
      labels: { ...set.spec?.selector.matchLabels, ...template.metadata?.labels },
      ...(isDeletedWithSet ? { ownerReferences: [buildControllerReference(set)] } : {}),
    },
  }));
}

function decideScale(set: Stored<StatefulSet>, pods: ReadonlyMap<number, Stored<Pod>>): Action[] {
  const wanted = wantedOrdinals(set);
  const isOrdered = set.spec?.podManagementPolicy !== 'Parallel';
  const finished = [...pods.values()].filter((pod) => isFinished(pod) && !isLeaving(pod));
  const surplus = [...pods.entries()]
    .filter(([ordinal, pod]) => !wanted.includes(ordinal) && !isLeaving(pod))
    .sort(([a], [b]) => b - a);
  const missing = wanted.filter((ordinal) => !pods.has(ordinal));
  const mayCreate = isOrdered
    ? missing.slice(0, 1).filter((ordinal) => wanted.every((other) => other >= ordinal || isReadyAt(pods, other)))
    : missing;
  const leaving = isOrdered ? surplus.slice(0, 1) : surplus;
  return [
    ...finished.map((pod): Action => deletePod(pod)),
    ...mayCreate.map((ordinal): Action => ({ kind: 'create-pod', pod: buildOrdinal(set, ordinal) })),
    ...leaving.map(([, pod]): Action => deletePod(pod)),
  ];
}

function isReadyAt(pods: ReadonlyMap<number, Stored<Pod>>, ordinal: number): boolean {
  const pod = pods.get(ordinal);
  return pod !== undefined && isReady(pod);
}

function decideUpdate(set: Stored<StatefulSet>, pods: ReadonlyMap<number, Stored<Pod>>): Action[] {
  if (set.spec?.updateStrategy?.type === 'OnDelete') return [];
  const revision = revisionOf(set);
  const partition = set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (const ordinal of wantedOrdinals(set)
    .toReversed()
    .filter((one) => one >= partition)) {
    const pod = pods.get(ordinal);
    if (!pod || isLeaving(pod)) return [];
    if (pod.metadata.labels?.[revisionLabel] !== revision) return [deletePod(pod)];
    if (!isReady(pod)) return [];
  }
  return [];
}

function decideClaimRemoval(
  set: Stored<StatefulSet>,
  pods: ReadonlyMap<number, Stored<Pod>>,
  claims: readonly Stored<PersistentVolumeClaim>[],
): Action[] {
  if (set.spec?.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return [];
  const wanted = wantedOrdinals(set);
  return claims
    .filter((claim) => claim.metadata.namespace === set.metadata.namespace)
    .filter((claim) =>
      (set.spec?.volumeClaimTemplates ?? []).some((template) =>
        claim.metadata.name.startsWith(`${template.metadata?.name}-${set.metadata.name}-`),
      ),
    )
    .filter((claim) => !wanted.includes(ordinalOf(claim.metadata.name)) && !pods.has(ordinalOf(claim.metadata.name)))
    .map((claim) => ({ kind: 'delete-claim', key: keyOf(claim), uid: claim.metadata.uid }));
}

function buildOrdinal(set: Stored<StatefulSet>, ordinal: number): Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const template = set.spec?.template ?? { spec: { containers: [] } };
  const claimed = (set.spec?.volumeClaimTemplates ?? []).map((claim) => ({
    name: claim.metadata?.name ?? '',
    persistentVolumeClaim: { claimName: `${claim.metadata?.name}-${name}` },
  }));
  const others = (template.spec.volumes ?? []).filter((volume) => !claimed.some((claim) => claim.name === volume.name));
  return buildPod(set, template, name, {
    labels: {
      [revisionLabel]: revisionOf(set),
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(ordinal),
    },
    spec: {
      hostname: name,
      ...(set.spec?.serviceName === undefined ? {} : { subdomain: set.spec.serviceName }),
      volumes: [...others, ...claimed],
    },
  });
}

function revisionOf(set: Stored<StatefulSet>): string {
  return `${set.metadata.name}-${hashTemplate(set.spec?.template ?? { spec: { containers: [] } })}`;
}

function deletePod(pod: Stored<Pod>): Action {
  return { kind: 'delete-pod', key: keyOf(pod), uid: pod.metadata.uid };
}

/** Status as the real controller reports it. */
export function readStatefulSetStatus(
  set: Stored<StatefulSet>,
  pods: readonly Stored<Pod>[],
): NonNullable<StatefulSet['status']> {
  const own = [...podsOf(set, pods).values()];
  const ready = own.filter(isReady).length;
  const updated = own.filter((pod) => pod.metadata.labels?.[revisionLabel] === revisionOf(set)).length;
  const isSettled = updated === own.length && updated === (set.spec?.replicas ?? 1);
  const currentRevision = isSettled ? revisionOf(set) : (set.status?.currentRevision ?? revisionOf(set));
  return {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: own.length,
    readyReplicas: ready,
    availableReplicas: ready,
    currentReplicas: own.filter((pod) => pod.metadata.labels?.[revisionLabel] === currentRevision).length,
    updatedReplicas: updated,
    currentRevision,
    updateRevision: revisionOf(set),
    collisionCount: 0,
  };
}
