import type { Kube, Stored } from '@hybridstore/controller-runtime';
import {
  type ClusterView,
  getOrNothing,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { ordinalOf, type TenantKey, tenantNames } from '../resources/names.ts';
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
    nodes: podList.flatMap((pod) => viewNode(key, pod)).sort((a, b) => a.ordinal - b.ordinal),
    dataClaim,
    logClaims: new Map(claims.flatMap((claim) => logClaimEntry(key, claim))),
  };
}

function viewNode(key: TenantKey, pod: Stored<Pod>): readonly NodeView[] {
  const ordinal = ordinalOf(key.name, pod.metadata.name);
  if (ordinal === undefined) return [];
  const isTerminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
  const waiting = pod.status?.containerStatuses?.find((status) => status.state?.waiting !== undefined)?.state?.waiting;
  return [
    {
      pod: pod.metadata.name,
      ordinal,
      isReady: ready?.status === 'True' && !isTerminating,
      waitingReason: waiting?.reason,
    },
  ];
}

function logClaimEntry(
  key: TenantKey,
  claim: Stored<PersistentVolumeClaim>,
): readonly (readonly [number, Stored<PersistentVolumeClaim>])[] {
  const prefix = 'log-';
  const { name } = claim.metadata;
  const ordinal = name.startsWith(prefix) ? ordinalOf(key.name, name.slice(prefix.length)) : undefined;
  return ordinal === undefined ? [] : [[ordinal, claim]];
}
