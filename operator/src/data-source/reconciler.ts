import { type DataSourceSpec, DataSourceStatus } from '@hybridstore/contracts';
import type { ClusterView, Expectations, Kube, ObjectKey, Stored } from '@hybridstore/controller-runtime';
import {
  addFinalizer,
  createStatusReader,
  done,
  findTransitions,
  hasFinalizer,
  type ReconcileResult,
  removeFinalizer,
  reportRefusal,
  reportStatus,
  requeueAfter,
  tell,
  wait,
} from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import { type Clock, isHybridStoreError, type Logger, LruCache } from '@hybridstore/runtime';
import { type DataSource, dataSources } from '../resources/custom-resources.ts';
import { tenantNameOf } from '../resources/labels.ts';
import type { TenantKey } from '../resources/names.ts';
import type { CatalogPort } from '../shared-services/catalog-client.ts';
import type { NodePort } from '../tenant/node-client.ts';
import { findObstacle, mustRegister } from './decide.ts';
import { buildDefinition } from './desired-state.ts';
import { tidySource } from './finalizer.ts';
import { observeSource, readFacts, type SourceFacts } from './observe.ts';
import { parseDataSource } from './parse.ts';
import { buildSourceStatus, judgeSource, type SourceVerdict } from './status.ts';

/** How often the figures of a source are looked at. */
const resyncMs = 30_000;
/** While something is in the way that no watch may tell of. */
const obstacleMs = 5_000;
const sourcesMax = 200_000;

/**
 * A pass over one DataSource: its table is declared to the tenant's nodes, which create or widen it, and to the catalog.
 *
 *   observe → gone? → deleting? → finalizer → obstacle? → facts → register where they differ → report
 *
 * The truth of a table is its log on the tenant's volume; so a catalog that lost its entry, or a table that somebody
 * dropped, is declared again at the next look.
 */
export type DataSourceReconcilerOptions = {
  readonly kube: Kube;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  readonly nodes: NodePort;
  readonly catalog: CatalogPort;
  readonly clock: Clock;
  readonly logger: Logger;
};

const readStatus = createStatusReader<DataSource>(compileValidator(DataSourceStatus).check);

export class DataSourceReconciler {
  readonly #options: DataSourceReconcilerOptions;
  /** Uid → generation that nodes and catalog were told. Lost with the process: telling twice changes nothing. */
  readonly #registered = new LruCache<string, string>(sourcesMax);

  constructor(options: DataSourceReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { kube, view, expectations } = this.#options;
    if (!expectations.isSatisfied(key)) return wait('CacheBehind', 100);
    const stored = await view.get(dataSources, key);
    if (stored === undefined) return done();
    const source = readStatus(stored);
    if (source.metadata.deletionTimestamp !== undefined) return await this.#delete(source);
    const parsed = parseDataSource(source);
    if (parsed.kind === 'invalid') {
      await this.#report(source, { kind: 'refused', reason: 'InvalidSpec', message: parsed.problem }, undefined);
      return done();
    }
    const kept = hasFinalizer(source) ? source : await addFinalizer(kube, dataSources, source);
    return await this.#converge(kept, parsed.spec);
  }

  async #converge(source: Stored<DataSource>, spec: DataSourceSpec): Promise<ReconcileResult> {
    const tenant = tenantOf(source);
    const world = await observeSource(this.#options.view, source, tenant);
    const obstacle = findObstacle(world, tenant.name);
    if (obstacle !== undefined) {
      const kind = obstacle.reason === 'DuplicateSource' ? 'refused' : 'waiting';
      await this.#report(source, { kind, ...obstacle }, undefined);
      return wait(obstacle.reason, obstacleMs);
    }
    try {
      const facts = await this.#register(source, tenant, spec);
      await this.#report(source, { kind: 'registered' }, facts);
      return requeueAfter(resyncMs);
    } catch (error) {
      await this.#reportFailure(source, error);
      throw error;
    }
  }

  async #register(source: Stored<DataSource>, tenant: TenantKey, spec: DataSourceSpec): Promise<SourceFacts> {
    const { nodes, catalog } = this.#options;
    const { uid, generation = 0 } = source.metadata;
    const facts = await readFacts(nodes, catalog, tenant, spec.sourceId);
    if (!mustRegister(facts, this.#registered.get(uid), String(generation))) return facts;
    const definition = buildDefinition(spec);
    await nodes.putSource(tenant, definition);
    await catalog.putSource(tenant, definition);
    this.#registered.set(uid, String(generation));
    return await readFacts(nodes, catalog, tenant, spec.sourceId);
  }

  async #delete(source: Stored<DataSource>): Promise<ReconcileResult> {
    const { kube, view, logger } = this.#options;
    if (!hasFinalizer(source)) return done();
    const tenant = tenantOf(source);
    const world = await observeSource(view, source, tenant);
    const { reason, note } = await tidySource(source, tenant, world, this.#options);
    await tell(kube, logger, dataSources, source, { type: 'Normal', reason, action: 'Deleted', note });
    logger.info('source_tidied', { source: source.spec?.sourceId, tenant: tenant.name, reason, note });
    await removeFinalizer(kube, dataSources, source);
    return done();
  }

  /** A refusal is for people; a node or catalog that is away keeps the figures and the last verdict of a known source. */
  async #reportFailure(source: Stored<DataSource>, error: unknown): Promise<void> {
    if (!isHybridStoreError(error)) return;
    const isRefused = error.code === 'invalid_request' || error.code === 'conflict';
    const wasReady = source.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
    if (!isRefused && wasReady && source.status?.observedGeneration === source.metadata.generation) return;
    const reason = isRefused ? 'Refused' : 'ServicesUnavailable';
    await this.#report(source, { kind: isRefused ? 'refused' : 'waiting', reason, message: error.message }, undefined);
  }

  async #report(source: Stored<DataSource>, verdict: SourceVerdict, facts: SourceFacts | undefined): Promise<void> {
    const { kube, clock, logger, expectations } = this.#options;
    const context = { generation: source.metadata.generation ?? 0, nowMs: clock.now() };
    const status = buildSourceStatus(source.status, verdict, facts, context);
    const written =
      verdict.kind === 'refused'
        ? await reportRefusal(kube, logger, dataSources, source, status)
        : await reportStatus(kube, dataSources, source, status);
    if (written === undefined) return;
    expectations.wrote(
      { namespace: source.metadata.namespace ?? '', name: source.metadata.name },
      dataSources,
      written,
    );
    const told = findTransitions(judgeSource(verdict), source.status?.conditions ?? []);
    const ready = told.find((judgement) => judgement.type === 'Ready');
    if (ready === undefined) return;
    const type = verdict.kind === 'refused' ? 'Warning' : 'Normal';
    const { reason, message } = ready;
    await tell(kube, logger, dataSources, source, { type, reason, action: 'Registered', note: message });
  }
}

function tenantOf(source: Stored<DataSource>): TenantKey {
  return { namespace: source.metadata.namespace ?? '', name: tenantNameOf(source) ?? '' };
}
