import type { TenantSpec, TenantStatus } from '@hybridstore/contracts';
import type { Tenant } from '../resources/custom-resources.ts';
import { isNeverBound } from '../resources/persistent-volume-claim.ts';
import { clamp } from '../scaling/decide-size.ts';
import { drainedAnnotation, type TenantWorld } from './world.ts';

/** The size that the next decision starts from: the last decided one, else what exists, else the smallest. */
export function currentSize(spec: TenantSpec, status: TenantStatus | undefined, world: TenantWorld): number {
  const decided = status?.desiredReplicas ?? world.statefulSet?.spec?.replicas;
  return decided ?? spec.autoscaling.minReplicas;
}

/** How many nodes there should be in the end. `decided` is the autoscaler's target, where it rules. */
export function wantedSize(spec: TenantSpec, current: number, decided: number | undefined): number {
  if (spec.hibernated) return 0;
  if (spec.autoscaling.mode === 'Off') return spec.replicas ?? spec.autoscaling.minReplicas;
  if (spec.autoscaling.mode === 'Recommend' || decided === undefined) return clamp(current, spec.autoscaling);
  return decided;
}

/**
 * The size of the StatefulSet as it is, or as it should be made. A set that does not exist is made with a node for every
 * log volume that was never handed over: acknowledged rows may be in it, and only its node can commit them.
 */
export function startingSize(world: TenantWorld, wanted: number): number {
  const size = world.statefulSet?.spec?.replicas;
  if (size !== undefined) return size;
  const withRows = [...world.logClaims].filter(
    ([, claim]) => claim.metadata.annotations?.[drainedAnnotation] === undefined && !isNeverBound(claim),
  );
  return Math.max(wanted, ...withRows.map(([ordinal]) => ordinal + 1));
}

/** Nodes whose log volume was never bound, so that no write can have been acknowledged by them. */
export function neverStored(world: TenantWorld): ReadonlySet<number> {
  const unbound = [...world.logClaims].filter(([, claim]) => isNeverBound(claim));
  return new Set(unbound.map(([ordinal]) => ordinal));
}

/** Deleted, and nothing prevents it. */
export function isLeaving({ metadata, spec }: Tenant): boolean {
  return metadata.deletionTimestamp !== undefined && spec?.preventDeletion !== true;
}

/** What stands in the way of declaring something of a tenant. */
export type Obstacle = { readonly reason: string; readonly message: string };

/** Whoever names a Tenant waits for one that will stay. */
export function findTenantObstacle(tenant: Tenant | undefined, name: string): Obstacle | undefined {
  if (tenant === undefined) return { reason: 'TenantNotFound', message: `there is no Tenant ${name}` };
  if (isLeaving(tenant)) return { reason: 'TenantDeleted', message: `Tenant ${name} is being deleted` };
  return undefined;
}
