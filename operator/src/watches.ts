import {
  type CacheChange,
  type CachedKind,
  type Caches,
  type Controller,
  configMaps,
  deployments,
  formatKey,
  type KubeObject,
  keyOf,
  limitRanges,
  networkPolicies,
  type ObjectKey,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  type Resource,
  resourceQuotas,
  type StatefulSet,
  type Stored,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { compactionPolicies, dataSources, type Tenant, tenants } from './resources/custom-resources.ts';
import { readMetricsPort } from './resources/held-template.ts';
import { managedBy, managedByLabel, sharedServiceLabel, tenantNameOf } from './resources/labels.ts';
import { sharedServicesKey } from './shared-services/reconciler.ts';
import { holdsPlace } from './tenant/decide-rollout.ts';
import { findPause } from './tenant/pause.ts';
import { queuedReason } from './tenant/status.ts';

const ownKinds: readonly Resource[] = [tenants, dataSources, compactionPolicies];
const tenantChildKinds: readonly Resource[] = [
  statefulSets,
  pods,
  services,
  configMaps,
  serviceAccounts,
  persistentVolumeClaims,
  networkPolicies,
  podDisruptionBudgets,
  resourceQuotas,
  limitRanges,
];
const sharedChildKinds: readonly Resource[] = [
  deployments,
  services,
  configMaps,
  serviceAccounts,
  persistentVolumeClaims,
  networkPolicies,
  podDisruptionBudgets,
];
const childKinds: readonly Resource[] = [...new Set([...tenantChildKinds, ...sharedChildKinds])];

/**
 * What is cached, and of which namespaces: no more than the operator has rights in. Of built-in kinds only what it made.
 * `watched` names the namespaces of tenants; none means all.
 */
export function chooseCachedKinds(own: string, watched: readonly string[]): readonly CachedKind[] {
  const labelSelector = `${managedByLabel}=${managedBy}`;
  const ofTenants = watched.length === 0 ? undefined : watched;
  const namespacesOf = (resource: Resource): readonly string[] | undefined => {
    if (!sharedChildKinds.includes(resource)) return ofTenants;
    if (!tenantChildKinds.includes(resource)) return [own];
    return ofTenants === undefined ? undefined : [own, ...ofTenants];
  };
  const within = (resource: Resource) => {
    const names = namespacesOf(resource);
    return names === undefined ? { resource } : { resource, namespaces: names };
  };
  return [...ownKinds.map(within), ...childKinds.map((resource) => ({ ...within(resource), labelSelector }))];
}

/** Against whatever no watch showed. */
const resyncMs = 300_000;
/** A pass over the shared services reads every tenant: a burst of new ones needs one, not one for each. */
const sharedGatherMs = 250;

export type Controllers = Readonly<Record<'tenant' | 'source' | 'policy' | 'shared', Controller>>;

/**
 * Which change wakes whom:
 *
 *   Tenant            ← its own changes; children and pods by owner or label; the end, or the pause, of the one that it waits for
 *   DataSource        ← its own changes; its Tenant's
 *   CompactionPolicy  ← its own changes; its Tenant's and its DataSources'
 *   shared services   ← their children; arrivals and departures of tenants, sizes and ports of their sets
 */
export function connectWatches(caches: Caches, controllers: Controllers, maxTenantsRolling: number): void {
  watchTenants(caches, controllers.tenant, maxTenantsRolling);
  watchSources(caches, controllers.source);
  watchPolicies(caches, controllers.policy);
  watchShared(caches, controllers.shared);
}

function watchTenants(caches: Caches, controller: Controller, maxTenantsRolling: number): void {
  controller.watch(caches.informer(tenants));
  controller.resync(caches.informer(tenants), resyncMs);
  for (const resource of tenantChildKinds)
    controller.watch(caches.informer(resource), ({ object }) => tenantKeyOf(object));
  const next = () => findQueued(caches.informer(tenants).cache.list()).slice(0, maxTenantsRolling);
  controller.watch(caches.informer(statefulSets), (change) => (hasFreedPlace(change) ? next() : []));
  controller.watch(caches.informer(tenants), (change) => (isPausedNow(change) ? next() : []));
}

/** Tenants that wait for their turn, in order of name: as their statuses say, which a pause leaves as they were. */
function findQueued(all: readonly Stored<Tenant>[]): readonly ObjectKey[] {
  const isQueued = (tenant: Stored<Tenant>) =>
    findPause(tenant) === undefined && tenant.status?.conditions?.some(({ reason }) => reason === queuedReason);
  const keys = all.filter(isQueued).map(keyOf);
  return keys.sort((a, b) => (formatKey(a) < formatKey(b) ? -1 : 1));
}

/** Nobody waits for a tenant that is paused; one that leaves loses its set. */
function isPausedNow(change: CacheChange<Tenant>): boolean {
  if (change.type !== 'updated') return false;
  return findPause(change.object) !== undefined && findPause(change.previous) === undefined;
}

/** The set has followed a change of the platform, or is no more. */
function hasFreedPlace(change: CacheChange<StatefulSet>): boolean {
  if (change.type === 'deleted') return holdsPlace(change.object);
  return change.type === 'updated' && holdsPlace(change.previous) && !holdsPlace(change.object);
}

function watchSources(caches: Caches, controller: Controller): void {
  controller.watch(caches.informer(dataSources));
  controller.watch(caches.informer(tenants), ({ object }) => dependents(caches, dataSources, keyOf(object)));
}

function watchPolicies(caches: Caches, controller: Controller): void {
  const ofTenant = (key: ObjectKey) => dependents(caches, compactionPolicies, key);
  controller.watch(caches.informer(compactionPolicies));
  controller.watch(caches.informer(tenants), ({ object }) => ofTenant(keyOf(object)));
  controller.watch(caches.informer(dataSources), ({ object }) => tenantKeyOf(object).flatMap(ofTenant));
}

function watchShared(caches: Caches, controller: Controller): void {
  const gathered = { gatherMs: sharedGatherMs };
  const keysIf = (concerns: boolean) => (concerns ? [sharedServicesKey] : []);
  controller.watch(caches.informer(tenants), ({ type }) => keysIf(type !== 'updated'), gathered);
  for (const resource of sharedChildKinds)
    controller.watch(caches.informer(resource), ({ object }) => keysIf(isShared(object)), gathered);
  controller.watch(caches.informer(statefulSets), (change) => keysIf(hasOtherTargets(change)), gathered);
}

/** Objects that name the Tenant as theirs. */
function dependents(caches: Caches, resource: Resource, tenant: ObjectKey): readonly ObjectKey[] {
  return caches.informer(resource).cache.byIndex('parent', formatKey(tenant)).map(keyOf);
}

/** Children of tenants wear its name: owner references alone would miss volumes and pods. */
function tenantKeyOf(object: KubeObject): readonly ObjectKey[] {
  const { namespace } = object.metadata;
  const name = tenantNameOf(object);
  return name === undefined || namespace === undefined ? [] : [{ namespace, name }];
}

function isShared({ metadata }: KubeObject): boolean {
  return metadata.labels?.[sharedServiceLabel] !== undefined;
}

/** Other nodes to watch, or others of their ports. */
function hasOtherTargets(change: CacheChange<StatefulSet>): boolean {
  if (change.type !== 'updated') return true;
  const [now, before] = [change.object.spec, change.previous.spec];
  return now?.replicas !== before?.replicas || readMetricsPort(now?.template) !== readMetricsPort(before?.template);
}
