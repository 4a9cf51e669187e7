import { randomBytes } from 'node:crypto';
import { Caches, Controller, type Informer, keyOf, type Reconcile } from '@hybridstore/controller-runtime';
import { createClients } from './clients.ts';
import { CompactionPolicyReconciler } from './compaction-policy/reconciler.ts';
import { DataSourceReconciler } from './data-source/reconciler.ts';
import { createOperatorMetrics } from './metrics.ts';
import type { LoopOptions } from './options.ts';
import { tenants } from './resources/custom-resources.ts';
import { tenantNameOf } from './resources/labels.ts';
import type { SampleSource } from './scaling/ports.ts';
import { PrometheusSource } from './scaling/prometheus-source.ts';
import { ScrapeSource } from './scaling/scrape-source.ts';
import { SharedServicesReconciler, sharedServicesKey } from './shared-services/reconciler.ts';
import { SigningKeys } from './shared-services/signing-keys.ts';
import { TenantReconciler } from './tenant/reconciler.ts';
import { SizeKeeper } from './tenant/size-keeper.ts';
import { chooseCachedKinds, connectWatches } from './watches.ts';

/** What a leader works with, from the first list of its caches until its lease ends. */
export type Loop = {
  readonly informers: readonly Informer[];
  readonly controllers: readonly Controller[];
  /** To be called when the caches are filled: what no change of an object begins. */
  readonly begin: () => void;
  /** Queues every Tenant; gives how many. */
  readonly resync: () => number;
};

const workers = 8;

export function buildLoop(options: LoopOptions): Loop {
  const { kube, settings, machineMetrics } = options;
  const kinds = chooseCachedKinds(settings.namespace, options.watchNamespaces ?? []);
  const caches = new Caches({ ...options, kinds, parentNameOf: tenantNameOf, metrics: machineMetrics });
  const keys = new SigningKeys({ kube, namespace: settings.namespace, randomBytes });
  const reconcilers = buildReconcilers(options, caches, keys);
  const controllers = buildControllers(options, keys, reconcilers);
  connectWatches(caches, controllers, settings.maxTenantsRolling);
  return {
    informers: caches.informers,
    controllers: Object.values(controllers),
    begin: () => controllers.shared.enqueue(sharedServicesKey),
    resync: () => {
      const tenantKeys = caches.informer(tenants).cache.list().map(keyOf);
      for (const key of tenantKeys) controllers.tenant.enqueue(key);
      return tenantKeys.length;
    },
  };
}

type Reconcilers = ReturnType<typeof buildReconcilers>;

function buildReconcilers(options: LoopOptions, caches: Caches, keys: SigningKeys) {
  const { kube, settings, clock, logger, ownerName } = options;
  const metrics = createOperatorMetrics(options.metrics);
  const clients = createClients(options, keys, caches.view);
  const tools = () => ({ kube, view: caches.view, clock, logger, expectations: caches.createExpectations() });
  const owner = ownerName === undefined ? {} : { ownerName };
  return {
    shared: new SharedServicesReconciler({ ...tools(), ...owner, settings, keys, onUnready: metrics.noteUnready }),
    tenant: new TenantReconciler({
      ...tools(),
      ...clients,
      settings,
      keys,
      sizes: new SizeKeeper(chooseSource(options), clock),
      onDecision: metrics.noteDecision,
      onSized: metrics.noteSize,
      onQueued: metrics.noteQueued,
      onForgotten: metrics.forgetTenant,
    }),
    source: new DataSourceReconciler({ ...tools(), ...clients }),
    policy: new CompactionPolicyReconciler({ ...tools(), ...clients }),
  };
}

function chooseSource({ prometheus, client, clock }: LoopOptions): SampleSource {
  return prometheus === undefined
    ? new ScrapeSource(client, clock)
    : new PrometheusSource({ ...prometheus, client, clock });
}

function buildControllers(options: LoopOptions, keys: SigningKeys, { tenant, source, policy, shared }: Reconcilers) {
  const { clock, random, logger, machineMetrics: metrics } = options;
  const make = (name: string, reconcile: Reconcile) =>
    new Controller({ name, reconcile, clock, random, logger: logger.with({ controller: name }), metrics, workers });
  const ours = (reconcile: Reconcile) => withKeys(keys, reconcile);
  return {
    tenant: make(
      'tenant',
      ours((key) => tenant.reconcile(key)),
    ),
    source: make(
      'data-source',
      ours((key) => source.reconcile(key)),
    ),
    policy: make(
      'compaction-policy',
      ours((key) => policy.reconcile(key)),
    ),
    shared: make('shared-services', () => shared.reconcile()),
  };
}

/** Without the keys nobody can be called, so every pass makes sure of them first; once read they cost nothing. */
function withKeys(keys: SigningKeys, reconcile: Reconcile): Reconcile {
  return async (key, signal) => {
    await keys.ready();
    return await reconcile(key, signal);
  };
}
