import type { TenantSpec, TenantStatus } from '@hybridstore/contracts';
import type { PersistentVolumeClaim, Stored } from '@hybridstore/controller-runtime';
import { quantityToNumber } from '@hybridstore/controller-runtime';
import { isNeverBound } from '../resources/persistent-volume-claim.ts';
import { chooseLogVolume, readFixedFields, readLogVolume } from '../resources/stateful-set.ts';
import type { TenantInput } from '../resources/tenant-metadata.ts';
import { drainedAnnotation, type TenantWorld } from './world.ts';

/*
 * What becomes of volumes when a Tenant asks for others:
 *
 *   nothing is bound yet     a typing error can be mended: what was never bound is deleted and made anew
 *   larger, and bound        each claim is asked to grow. The set keeps its template, so a node that comes later has a
 *                            claim of the former size, which grows like the others as soon as it is bound
 *   smaller than they are    nothing: no volume shrinks. So a growth that is refused is taken back
 *   another class, bound     nothing, and the condition says so
 */

/** Why volumes are not as they should be. Each reason has a heading in docs/operating/runbooks/tenant.md. */
export type StorageProblem = {
  readonly reason: 'Refused' | 'GrowthRefused' | 'ClassFixed';
  readonly message: string;
};

type Claim = Stored<PersistentVolumeClaim>;

/**
 * Whether the set is to be made anew, since its template cannot be edited: it asks for other volumes than the Tenant, and
 * every node waits for one that was never bound. No node runs, and none ever did.
 */
export function mustRemakeSet(input: Pick<TenantInput, 'spec' | 'settings'>, world: TenantWorld): boolean {
  const { statefulSet, logClaims, nodes } = world;
  const replicas = statefulSet?.spec?.replicas ?? 0;
  const fixed = readFixedFields(statefulSet);
  const made = fixed === undefined ? undefined : readLogVolume(fixed);
  if (made === undefined) return false;
  const wanted = chooseLogVolume(input);
  const isSame = made.storageClassName === wanted.storageClassName && isSameAmount(made.size, wanted.size);
  if (isSame || (statefulSet?.status?.readyReplicas ?? 0) > 0) return false;
  const areAllKnown = Array.from({ length: replicas }, (_, ordinal) => logClaims.has(ordinal)).every(Boolean);
  const isNothingStored = [...logClaims.values()].every(isNeverBound);
  return areAllKnown && isNothingStored && nodes.every(({ object }) => object.status?.phase === 'Pending');
}

/**
 * Never bound claims of a set that is no more: the next one would take them over as they are. Those of pods that go with
 * their set wait for these; a pod without an owner was let stay on purpose, and keeps its claim.
 */
export function findLeftUnbound({ statefulSet, logClaims, nodes }: TenantWorld): {
  readonly removable: readonly Claim[];
  readonly isWaiting: boolean;
} {
  const left = statefulSet === undefined ? [...logClaims].filter(([, claim]) => isNeverBound(claim)) : [];
  const pods = new Map(nodes.map(({ ordinal, object }) => [ordinal, object]));
  return {
    removable: left.filter(([ordinal]) => !pods.has(ordinal)).map(([, claim]) => claim),
    isWaiting: left.some(([ordinal]) => pods.get(ordinal)?.metadata.ownerReferences !== undefined),
  };
}

/** The shared volume's claim, when it is to be made anew: never bound, and of another class or size than is wanted. */
export function findMistakenDataClaim(
  { dataClaim }: TenantWorld,
  wanted: PersistentVolumeClaim | undefined,
): Claim | undefined {
  if (dataClaim === undefined || wanted?.spec === undefined || !isNeverBound(dataClaim)) return undefined;
  const { storageClassName, resources } = wanted.spec;
  // Where none is named the cluster chooses one, and fills it in.
  const isSameClass = storageClassName === undefined || storageClassName === dataClaim.spec?.storageClassName;
  const isSameSize = isSameAmount(resources?.requests?.storage, dataClaim.spec?.resources?.requests?.storage);
  return isSameClass && isSameSize ? undefined : dataClaim;
}

/** Bound log claims of nodes below `size` that have less than the Tenant asks for, and have not been asked to grow. */
export function findToGrow({ storage }: TenantSpec, { logClaims }: TenantWorld, size: number): readonly Claim[] {
  return [...logClaims]
    .filter(([ordinal, claim]) => ordinal < size && isTooSmall(claim, String(storage.log.size)))
    .map(([, claim]) => claim)
    .filter((claim) => !isSameAmount(requestOf(claim), String(storage.log.size)));
}

export function describeRefusedGrowth(claim: Claim, size: string, words: string): StorageProblem {
  const has = capacityOf(claim) ?? 'nothing';
  const message =
    `claim ${claim.metadata.name} has ${has} and cannot grow to ${size}: ${words}; ` +
    `let its storage class allow it (allowVolumeExpansion: true), or set spec.storage.log.size back to ${has}`;
  return { reason: 'GrowthRefused', message };
}

/** A bound volume that is smaller than it should be; undefined where all have grown. `size` is the number of nodes. */
export function findGrowing({ storage }: TenantSpec, world: TenantWorld, size: number): string | undefined {
  const { existingClaim, size: dataSize } = storage.data.sharedVolume;
  const logs = [...world.logClaims].filter(([ordinal]) => ordinal < size);
  const volumes = [
    ...(existingClaim === undefined && world.dataClaim !== undefined
      ? [[world.dataClaim, String(dataSize)] as const]
      : []),
    ...logs.map(([, claim]) => [claim, String(storage.log.size)] as const),
  ];
  const growing = volumes.find(([claim, wanted]) => isTooSmall(claim, wanted));
  if (growing === undefined) return undefined;
  const [claim, wanted] = growing;
  const resizing = claim.status?.conditions?.find(({ type }) => /Resiz/.test(type));
  const words = resizing?.message === undefined ? '' : `: ${resizing.message}`;
  return `claim ${claim.metadata.name} has ${capacityOf(claim)} and grows to ${wanted}${words}`;
}

/** A class that the Tenant names and that its bound volumes do not have. */
export function findFixedClass({ storage }: TenantSpec, world: TenantWorld): StorageProblem | undefined {
  const { log, data } = describeVolumes(world);
  const uses = [
    { field: 'log', named: storage.log.storageClassName, has: log.storageClassName },
    { field: 'data.sharedVolume', named: storage.data.sharedVolume.storageClassName, has: data.storageClassName },
  ];
  const other = uses.find(({ named, has }) => named !== undefined && has !== undefined && named !== has);
  if (other === undefined) return undefined;
  const message = `spec.storage.${other.field}.storageClassName is ${other.named}, and its volumes were made of ${other.has}: set it back`;
  return { reason: 'ClassFixed', message };
}

/** What the rules of the definition need to know: what is stored, a change must leave alone. */
export function describeVolumes({ logClaims, dataClaim }: TenantWorld): NonNullable<TenantStatus['storage']> {
  return {
    log: describeClaims([...logClaims.values()]),
    data: describeClaims(dataClaim === undefined ? [] : [dataClaim]),
  };
}

function describeClaims(claims: readonly Claim[]): NonNullable<TenantStatus['storage']>['log'] {
  const bound = claims.filter((claim) => !isNeverBound(claim));
  if (bound.length === 0) return { phase: 'Unbound' };
  const [capacity] = bound
    .flatMap((claim) => capacityOf(claim) ?? [])
    .sort((a, b) => quantityToNumber(a) - quantityToNumber(b));
  const storageClassName = bound[0]?.spec?.storageClassName;
  return {
    phase: 'Bound',
    ...(capacity === undefined ? {} : { capacity }),
    ...(storageClassName === undefined ? {} : { storageClassName }),
  };
}

/** Which claims stand in the way of `StorageReady`: of nodes that there should be, and any whose rows nobody has committed. */
export function findBadClaim({ dataClaim, logClaims }: TenantWorld, size: number): Claim | undefined {
  const logs = [...logClaims].filter(
    ([ordinal, { status, metadata }]) =>
      ordinal < size || (status?.phase === 'Lost' && metadata.annotations?.[drainedAnnotation] === undefined),
  );
  return [...(dataClaim === undefined ? [] : [dataClaim]), ...logs.map(([, claim]) => claim)].find(
    (claim) => claim.status?.phase !== 'Bound',
  );
}

function isTooSmall(claim: Claim, wanted: string): boolean {
  const capacity = capacityOf(claim);
  return (
    claim.status?.phase === 'Bound' && capacity !== undefined && quantityToNumber(capacity) < quantityToNumber(wanted)
  );
}

function requestOf({ spec }: PersistentVolumeClaim): string | undefined {
  return spec?.resources?.requests?.storage;
}

/** A volume has at least what was asked for when it was made. */
function capacityOf(claim: PersistentVolumeClaim): string | undefined {
  return claim.status?.capacity?.storage ?? requestOf(claim);
}

function isSameAmount(left: string | undefined, right: string | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return quantityToNumber(left) === quantityToNumber(right);
}
