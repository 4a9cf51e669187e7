import { randomBytes } from 'node:crypto';
import type { CacheChange, Kube } from '@hybridstore/controller-runtime';
import {
  kinds as builtIn,
  type CachedKind,
  Caches,
  Controller,
  createMachineMetrics,
  done,
  formatKey,
  type Informer,
  type KubeObject,
  keyOf,
  type Lead,
  type LedOptions,
  type MachineMetrics,
  type ObjectKey,
  type Reconcile,
  type Resource,
  runControlLoop,
  runLed,
} from '@hybridstore/controller-runtime';
import { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { type Clock, type Logger, type Registry, systemClock } from '@hybridstore/runtime';
import { CompactionPolicyReconciler } from './compaction-policy/reconciler.ts';
import type { PrometheusConfig } from './config.ts';
import { DataSourceReconciler } from './data-source/reconciler.ts';
import { createOperatorMetrics } from './metrics.ts';
import { compactionPolicies, dataSources, tenants } from './resources/custom-resources.ts';
import { managedBy, sharedServiceLabel, tenantNameOf } from './resources/labels.ts';
import type { PlatformSettings } from './resources/settings.ts';
import { PrometheusSource } from './scaling/prometheus-source.ts';
import type { SampleSource } from './scaling/samples.ts';
import { ScrapeSource } from './scaling/scrape-source.ts';
import { createCatalogClient } from './shared-services/catalog-client.ts';
import { SharedServicesReconciler, sharedServicesKey } from './shared-services/reconciler.ts';
import { SigningKeys } from './shared-services/signing-keys.ts';
import { createNodeClient } from './tenant/node-client.ts';
import { TenantReconciler } from './tenant/reconciler.ts';
import { SizeKeeper } from './tenant/size-keeper.ts';

/**
 * The operator put together: caches, controllers, reconcilers. Knows no process and no environment, so that the embedded
 * platform starts it beside its own API server, and main.ts in a cluster.
 *
 *   Tenant            ← its own changes; children and pods by owner or label
 *   DataSource        ← its own changes; its Tenant's
 *   CompactionPolicy  ← its own changes; its Tenant's and its DataSources'
 *   shared services   ← their children; arrivals and departures of tenants, sizes of their sets
 */
export type OperatorOptions = {
  readonly kube: Kube;
  readonly settings: PlatformSettings;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Calls nodes and the catalog; with the hosts file of the embedded platform where there is one. */
  readonly client?: HttpClient;
  readonly watchNamespaces?: readonly string[];
  /** Undefined: this process is the only operator. */
  readonly leaderIdentity?: string;
  readonly ownerConfigMap?: string;
  /** Undefined: nodes are scraped. */
  readonly prometheus?: PrometheusConfig;
};

export type Operator = {
  /** Reasons why it does not work yet; empty means it leads, or stands by, with its caches filled. */
  readonly notReadyReasons: () => readonly string[];
  /** Queues every Tenant at once, as the resync does from time to time. Gives how many; none while it does not lead. */
  readonly resync: () => number;
  /** Resolves when the operator has ended: after `stop`, or when its lease is lost. */
  readonly ended: Promise<'stopped' | 'lost'>;
  readonly stop: () => Promise<void>;
};

const workers = 8;
const resyncMs = 300_000;
/** A pass over the shared services reads every tenant: a burst of new ones needs one, not one for each. */
const sharedGatherMs = 250;
export const leaseName = 'hybridstore-operator';

/** Starts the operator; it works until `stop`. */
export function startOperator(options: OperatorOptions): Operator {
  const stopping = new AbortController();
  let reasons: readonly string[] = ['starting'];
  let resync = () => 0;
  const machine = createMachineMetrics(options.metrics, 'hybridstore');
  const lead: Lead = async (kube, signal, assertLeads) => {
    const loop = buildLoop({ ...options, kube }, machine, assertLeads);
    resync = loop.resync;
    const ready = Promise.all(loop.informers.map((informer) => informer.untilSynced(signal)));
    void ready.then(
      () => {
        reasons = [];
        loop.begin();
      },
      () => {}, // stopped before the caches were filled: the loop ends with the same reason
    );
    await runControlLoop(loop, signal);
  };
  const ended = runLed(electionOptions(options, machine), lead, stopping.signal);
  // One that stands by is ready: it takes over without being started.
  if (options.leaderIdentity !== undefined) reasons = [];
  ended.catch(() => {}); // the caller awaits it, or stops us
  return {
    notReadyReasons: () => reasons,
    resync: () => resync(),
    ended,
    stop: async () => {
      stopping.abort(new Error('the operator was stopped'));
      await ended;
    },
  };
}

function electionOptions(options: OperatorOptions, metrics: MachineMetrics): LedOptions {
  const { kube, leaderIdentity, settings, logger, clock = systemClock, random = Math.random } = options;
  if (leaderIdentity === undefined) return { kube, clock, random, logger, metrics };
  const lease = { namespace: settings.namespace, name: leaseName };
  const identity = `${leaderIdentity}-${randomBytes(4).toString('hex')}`;
  return { kube, clock, random, logger, metrics, candidate: { lease, identity } };
}

function buildLoop(options: OperatorOptions, machine: MachineMetrics, assertLeads: () => void) {
  const { kube, settings, logger } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const kinds = [...ownKinds, ...childKinds];
  const caches = new Caches({ kube, kinds, parentNameOf: tenantNameOf, clock, random, logger, metrics: machine });
  const { view, informers } = caches;
  const client = options.client ?? new HttpClient();
  const keys = new SigningKeys({ kube, namespace: settings.namespace, randomBytes });
  let identity: ServiceIdentity | undefined;
  const ports = {
    client,
    // Each call to a node or to the catalog asks for a token: a leader of before must not have a node hand over that stays.
    identity: () => {
      assertLeads();
      identity ??= new ServiceIdentity(keys.operatorKey(), clock);
      return identity;
    },
  };
  const nodes = createNodeClient(ports);
  const catalog = createCatalogClient({ ...ports, systemNamespace: settings.namespace });
  const metrics = createOperatorMetrics(options.metrics);
  const base = () => ({ kube, view, clock, logger, expectations: caches.createExpectations() });
  const shared = new SharedServicesReconciler({
    ...base(),
    settings,
    keys,
    onUnready: metrics.noteUnready,
    ...(options.ownerConfigMap === undefined ? {} : { ownerConfigMap: options.ownerConfigMap }),
  });
  const tenant = new TenantReconciler({
    ...base(),
    settings,
    keys,
    nodes,
    catalog,
    sizes: new SizeKeeper(chooseSource(options, client, clock), clock),
    onDecision: metrics.noteDecision,
    onForgotten: metrics.forgetTenant,
  });
  const source = new DataSourceReconciler({ ...base(), nodes, catalog });
  const policy = new CompactionPolicyReconciler({ ...base(), catalog });
  const make = (name: string, reconcile: Reconcile) =>
    new Controller({
      name,
      reconcile,
      clock,
      random,
      logger: logger.with({ controller: name }),
      metrics: machine,
      workers,
    });
  // Without the keys nobody can be called, so every pass makes sure of them first; once read they cost nothing.
  const isWatched = buildWatchTest(options.watchNamespaces ?? []);
  const withKeys = (reconcile: Reconcile) => async (key: ObjectKey, signal: AbortSignal) => {
    if (!isWatched(key)) return done();
    await keys.ready();
    return await reconcile(key, signal);
  };
  const controllers = {
    tenant: make(
      'tenant',
      withKeys((key) => tenant.reconcile(key)),
    ),
    source: make(
      'data-source',
      withKeys((key) => source.reconcile(key)),
    ),
    policy: make(
      'compaction-policy',
      withKeys((key) => policy.reconcile(key)),
    ),
    shared: make('shared-services', () => shared.reconcile()),
  };
  connect(caches, controllers);
  return {
    informers,
    controllers: Object.values(controllers),
    begin: () => controllers.shared.enqueue(sharedServicesKey),
    resync: () => {
      const keys = caches.informer(tenants).cache.list().map(keyOf);
      for (const key of keys) controllers.tenant.enqueue(key);
      return keys.length;
    },
  };
}

/** Objects of other namespaces are another operator's. */
function buildWatchTest(namespaces: readonly string[]): (key: ObjectKey) => boolean {
  const watched = new Set(namespaces);
  return (key) => watched.size === 0 || watched.has(key.namespace ?? '');
}

function chooseSource(options: OperatorOptions, client: HttpClient, clock: Clock): SampleSource {
  const { prometheus } = options;
  return prometheus === undefined
    ? new ScrapeSource(client, clock)
    : new PrometheusSource({ ...prometheus, client, clock });
}

const ownKinds: readonly CachedKind[] = [tenants, dataSources, compactionPolicies].map((resource) => ({ resource }));
/** Of built-in kinds only what the operator made. */
const childKinds: readonly CachedKind[] = [
  builtIn.statefulSets,
  builtIn.deployments,
  builtIn.pods,
  builtIn.services,
  builtIn.configMaps,
  builtIn.serviceAccounts,
  builtIn.persistentVolumeClaims,
  builtIn.networkPolicies,
  builtIn.podDisruptionBudgets,
  builtIn.resourceQuotas,
  builtIn.limitRanges,
].map((resource) => ({ resource, labelSelector: `app.kubernetes.io/managed-by=${managedBy}` }));

type Controllers = Readonly<Record<'tenant' | 'source' | 'policy' | 'shared', Controller>>;

function connect(caches: Caches, controllers: Controllers): void {
  const { tenant, source, policy, shared } = controllers;
  const watchShared = <T extends KubeObject>(
    informer: Informer<T>,
    keysOf: (change: CacheChange<T>) => readonly ObjectKey[],
  ) => shared.watch(informer, keysOf, { gatherMs: sharedGatherMs });
  const dependents = (resource: Resource, key: ObjectKey) =>
    caches.informer(resource).cache.byIndex('parent', formatKey(key)).map(keyOf);
  const ofTenants = caches.informer(tenants);
  tenant.watch(ofTenants);
  tenant.resync(ofTenants, resyncMs);
  watchShared(ofTenants, ({ type }) => (type === 'updated' ? [] : [sharedServicesKey]));
  source.watch(ofTenants, ({ object }) => dependents(dataSources, keyOf(object)));
  policy.watch(ofTenants, ({ object }) => dependents(compactionPolicies, keyOf(object)));
  const ofSources = caches.informer(dataSources);
  source.watch(ofSources);
  policy.watch(ofSources, ({ object }) => tenantKeyOf(object).flatMap((key) => dependents(compactionPolicies, key)));
  policy.watch(caches.informer(compactionPolicies));
  for (const { resource } of childKinds) {
    tenant.watch(caches.informer(resource), ({ object }) => tenantKeyOf(object));
    watchShared(caches.informer(resource), ({ object }) => (isShared(object) ? [sharedServicesKey] : []));
  }
  watchShared(caches.informer(builtIn.statefulSets), (change) => (hasResized(change) ? [sharedServicesKey] : []));
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

function hasResized(change: CacheChange<builtIn.StatefulSet>): boolean {
  return change.type !== 'updated' || change.object.spec?.replicas !== change.previous.spec?.replicas;
}
