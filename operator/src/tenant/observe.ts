import type { Kube, Stored } from '@hybridstore/controller-runtime';
import {
  type ClusterView,
  getOrNothing,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
  type StatefulSet,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { logClaimOrdinalOf, ordinalOf, type TenantKey, tenantNames } from '../resources/names.ts';
import type { NodeView, TenantWorld } from './world.ts';

export async function observeTenant(
  view: ClusterView,
  kube: Pick<Kube, 'get'>,
  key: TenantKey,
  existingClaim: string | undefined,
): Promise<TenantWorld> {
  const names = tenantNames(key.name);
  const selection = { namespace: key.namespace, ofParent: key.name };
  const inNamespace = (name: string) => ({ namespace: key.namespace, name });
  const [statefulSet, podList, claims, dataClaim] = await Promise.all([
    view.get(statefulSets, inNamespace(names.base)),
    view.list(pods, selection),
    view.list(persistentVolumeClaims, selection),
    existingClaim === undefined
      ? view.get(persistentVolumeClaims, inNamespace(names.dataClaim))
      : getOrNothing(kube, persistentVolumeClaims, inNamespace(existingClaim)),
  ]);
  return {
    statefulSet,
    nodes: podList.flatMap((pod) => viewNode(key, pod, statefulSet)).sort((a, b) => a.ordinal - b.ordinal),
    dataClaim,
    logClaims: new Map(claims.flatMap((claim) => logClaimEntry(key, claim))),
  };
}

/** The StatefulSet controller's label: from which revision of the template a pod was made. */
const revisionLabel = 'controller-revision-hash';

function viewNode(key: TenantKey, pod: Stored<Pod>, set: Stored<StatefulSet> | undefined): readonly NodeView[] {
  const ordinal = ordinalOf(key.name, pod.metadata.name);
  if (ordinal === undefined) return [];
  const { currentRevision, updateRevision } = set?.status ?? {};
  const revision = pod.metadata.labels?.[revisionLabel];
  // A set that has reported no revision yet has no pods of another one.
  const isKnown = updateRevision === undefined || revision === updateRevision || revision === currentRevision;
  return [
    {
      pod: pod.metadata.name,
      ordinal,
      isReady: isKnown && isReadyNow(pod),
      isOutdated: updateRevision !== undefined && revision !== updateRevision,
      object: pod,
    },
  ];
}

/** Its condition may lag behind a container that has just ended. */
function isReadyNow({ metadata, status }: Stored<Pod>): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  const ready = status?.conditions?.find((condition) => condition.type === 'Ready');
  return ready?.status === 'True' && (status?.containerStatuses ?? []).every((container) => container.ready);
}

function logClaimEntry(
  key: TenantKey,
  claim: Stored<PersistentVolumeClaim>,
): readonly (readonly [number, Stored<PersistentVolumeClaim>])[] {
  const ordinal = logClaimOrdinalOf(key.name, claim.metadata.name);
  return ordinal === undefined ? [] : [[ordinal, claim]];
}
