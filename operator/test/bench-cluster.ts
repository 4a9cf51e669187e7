import {
  buildCrds,
  type CompactionPolicyDefinition,
  type DrainStatus,
  type GiveUpRequest,
  type GiveUpResponse,
  type MemberView,
  type NodeProblem,
  type SourceDefinition,
} from '@hybridstore/contracts';
import type { EventInput, Kube, KubeObject, ReconcileResult, Stored } from '@hybridstore/controller-runtime';
import {
  buildControllerReference,
  createView,
  customResourceDefinitions,
  Expectations,
  keyOf,
  namespaces,
  persistentVolumeClaims,
  pods,
  type StatefulSet,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { collectGarbage, EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { CompactionPolicyReconciler } from '../src/compaction-policy/reconciler.ts';
import { DataSourceReconciler } from '../src/data-source/reconciler.ts';
import { operatorIdentity } from '../src/identity.ts';
import { parsePlatformSettings } from '../src/platform-settings.ts';
import type { CatalogPort, NodePort } from '../src/ports.ts';
import {
  type CompactionPolicy,
  compactionPolicies,
  type DataSource,
  dataSources,
  type Tenant,
  tenants,
} from '../src/resources/custom-resources.ts';
import { tenantNameOf } from '../src/resources/labels.ts';
import type { SizeDecision } from '../src/scaling/decide-size.ts';
import type { Samples } from '../src/scaling/samples.ts';
import { SharedServicesReconciler } from '../src/shared-services/reconciler.ts';
import { SigningKeys } from '../src/shared-services/signing-keys.ts';
import { TenantReconciler } from '../src/tenant/reconciler.ts';
import { SizeKeeper } from '../src/tenant/size-keeper.ts';
import { Rights, withRights } from './rights.ts';

/**
 * An API server in memory with our definitions, a stand-in for what Kubernetes and the nodes do, and reconcilers under a
 * clock that only tests move. Reads are live, so a pass sees what the pass before has written.
 */
export const acme = { namespace: 'default', name: 'acme' } as const;
export const systemNamespace = 'hybridstore-system';
export const settings = parsePlatformSettings('', { namespace: systemNamespace });

/** What nodes would answer. */
export class FakeNodes implements NodePort {
  readonly drained = new Set<string>();
  readonly stuck = new Set<string>();
  readonly away = new Set<string>();
  /** Nodes that cannot come back, and why. */
  readonly held = new Map<string, string>();
  readonly calls: string[] = [];
  readonly sources = new Map<string, SourceDefinition>();
  refusal: HybridStoreError | undefined;
  /** Thrown where a table is read. */
  unreadable: HybridStoreError | undefined;
  damaged: readonly string[] = [];
  partitions: number | undefined;
  found: NodeProblem[] = [];
  flushFailing: string | undefined;

  async drain(_tenant: unknown, pod: string, { cancel }: { readonly cancel: boolean }): Promise<DrainStatus> {
    this.calls.push(`${cancel ? 'stay' : 'drain'} ${pod}`);
    if (this.away.has(pod)) throw new HybridStoreError('unavailable', `${pod} cannot be reached`);
    const error = cancel ? this.held.get(pod) : undefined;
    if (error !== undefined) return { pod, state: 'draining', unflushed_rows: 0, error };
    if (cancel) this.drained.delete(pod);
    else if (!this.stuck.has(pod)) this.drained.add(pod);
    if (cancel) return { pod, state: 'active', unflushed_rows: 0 };
    if (this.stuck.has(pod)) return { pod, state: 'draining', unflushed_rows: 7, error: 'the volume is full' };
    return { pod, state: 'drained', unflushed_rows: 0 };
  }

  /** Rows that the survivors saw last of each node. */
  readonly seenRows = new Map<string, number>();
  readonly givenUp = new Set<string>();

  async giveUp(_tenant: unknown, pod: string, { pod: other, rows }: GiveUpRequest): Promise<GiveUpResponse> {
    this.calls.push(`give up ${other} at ${pod}${rows === undefined ? '' : ` with ${rows}`}`);
    if (this.away.has(pod)) throw new HybridStoreError('unavailable', `${pod} cannot be reached`);
    if (!this.away.has(other)) throw new HybridStoreError('conflict', `member ${other} answers`);
    const atRisk = this.seenRows.get(pod) ?? 400_000;
    if (rows !== undefined && rows !== atRisk) throw new HybridStoreError('conflict', `rows: expected ${atRisk}`);
    if (rows !== undefined) this.givenUp.add(other);
    const isGivenUp = this.givenUp.has(other);
    const member: MemberView = {
      pod: other,
      state: isGivenUp ? 'drained' : 'active',
      epoch: 1,
      url: `http://${other}`,
      since_ms: 0,
      away_since: '2023-11-14T22:00:00.000Z',
      away_reason: 'it cannot be reached',
      unflushed_rows: this.seenRows.get(pod) ?? null,
      unflushed_rows_at: null,
    };
    return { given_up: isGivenUp, rows: isGivenUp ? 0 : atRisk, member };
  }

  async problems(_tenant: unknown, pod: string): Promise<readonly NodeProblem[]> {
    if (this.away.has(pod)) throw new HybridStoreError('unavailable', `${pod} cannot be reached`);
    return pod.endsWith('-0') ? this.found : [];
  }

  async drainedMembers(_tenant: unknown, pod: string): Promise<ReadonlySet<string>> {
    if (this.away.has(pod)) throw new HybridStoreError('unavailable', `${pod} cannot be reached`);
    return this.drained;
  }

  async putSource(_tenant: unknown, definition: SourceDefinition) {
    if (this.refusal !== undefined) throw this.refusal;
    this.calls.push(`put ${definition.source_id}`);
    this.sources.set(definition.source_id, definition);
    return { source_id: definition.source_id, created: true, schema_version: 1 };
  }

  async deleteSource(_tenant: unknown, sourceId: string): Promise<void> {
    this.calls.push(`delete ${sourceId}`);
    this.sources.delete(sourceId);
  }

  async sourceStats(_tenant: unknown, sourceId: string) {
    if (this.unreadable !== undefined) throw this.unreadable;
    if (!this.sources.has(sourceId)) return undefined;
    const figures = { rows: 3, bytes: 300, files: 1, unflushed_rows: 2, schema_version: 1, table_version: 4 };
    const flush = this.flushFailing === undefined ? {} : { flush_failing: this.flushFailing };
    const last_commit_at = '2023-11-14T22:00:00.000Z';
    return {
      source_id: sourceId,
      ...figures,
      ...flush,
      last_commit_at,
      damaged: [...this.damaged],
      ...(this.partitions === undefined ? {} : { partitions: this.partitions }),
    };
  }
}

/** What the catalog would answer. */
export class FakeCatalog implements CatalogPort {
  readonly tenants = new Set<string>();
  readonly sources = new Map<string, SourceDefinition>();
  readonly policies = new Map<string, CompactionPolicyDefinition>();
  isAway = false;
  puts = 0;

  async putTenant(tenant: { readonly namespace: string; readonly name: string }): Promise<void> {
    this.#require();
    this.tenants.add(`${tenant.namespace}/${tenant.name}`);
  }

  async deleteTenant(tenant: { readonly namespace: string; readonly name: string }): Promise<void> {
    this.#require();
    this.tenants.delete(`${tenant.namespace}/${tenant.name}`);
  }

  async putSource(tenant: { readonly namespace: string; readonly name: string }, definition: SourceDefinition) {
    this.#require();
    this.puts += 1;
    this.sources.set(definition.source_id, definition);
    return this.#entry(`${tenant.namespace}/${tenant.name}`, definition);
  }

  async getSource(tenant: { readonly namespace: string; readonly name: string }, sourceId: string) {
    this.#require();
    const definition = this.sources.get(sourceId);
    return definition === undefined ? undefined : this.#entry(`${tenant.namespace}/${tenant.name}`, definition);
  }

  async deleteSource(_tenant: unknown, sourceId: string): Promise<void> {
    this.#require();
    this.sources.delete(sourceId);
  }

  async putPolicy(policy: CompactionPolicyDefinition) {
    this.#require();
    this.puts += 1;
    this.policies.set(policy.policy_id, policy);
    return this.#state(policy);
  }

  async getPolicy(policyId: string) {
    this.#require();
    const policy = this.policies.get(policyId);
    return policy === undefined ? undefined : this.#state(policy);
  }

  async deletePolicy(policyId: string): Promise<void> {
    this.#require();
    this.policies.delete(policyId);
  }

  #state(policy: CompactionPolicyDefinition) {
    return {
      policy_id: policy.policy_id,
      active: policy.enabled,
      last_run_at: '2023-11-14T22:00:00.000Z',
      next_run_at: '2023-11-14T23:00:00.000Z',
      last_results: [
        {
          source_id: 'orders',
          state: 'done' as const,
          files_before: 10,
          files_after: 2,
          bytes_before: 1_000,
          bytes_after: 900,
          table_version: 5,
        },
      ],
    };
  }

  #entry(tenantId: string, definition: SourceDefinition) {
    return {
      tenant_id: tenantId,
      source_id: definition.source_id,
      definition,
      columns: [],
      schema_version: 1,
      table_version: 4,
      rows: 3,
      bytes: 300,
      files: 1,
      unflushed_rows: 2,
      last_commit_at: null,
      last_compaction_at: '2023-11-14T21:00:00.000Z',
      updated_at: '2023-11-14T22:00:00.000Z',
    };
  }

  #require(): void {
    if (this.isAway)
      throw new HybridStoreError('unavailable', 'the catalog cannot be reached', { retry_after_ms: 1_000 });
  }
}

export type Write = { readonly verb: string; readonly kind: string; readonly name: string };
export class Crash extends Error {}

const writeVerbs = ['create', 'update', 'apply', 'patchStatus', 'mergePatch', 'delete'] as const;

/** What goes wrong with the write of the given number, counted from 1: the process dies right after it, or it is refused. */
export type Fault = { readonly at: number; readonly kind: 'crash' | 'conflict' | 'unavailable' };

/** The port with a record of its writes, and with one fault. */
export function recordWrites(kube: Kube, writes: Write[], events: EventInput[], fault?: Fault): Kube {
  let isOver = false;
  const mayFail = (kind: Fault['kind']) => {
    if (isOver || fault?.kind !== kind) return;
    const isNow = kind === 'crash' ? writes.length >= fault.at : writes.length + 1 >= fault.at;
    if (!isNow) return;
    isOver = kind !== 'crash'; // who is dead writes nothing any more
    throw kind === 'crash'
      ? new Crash(`after write ${writes.length}`)
      : new HybridStoreError(kind, `write ${fault.at} failed`);
  };
  const recorded = Object.fromEntries(
    writeVerbs.map((verb) => [
      verb,
      async (
        resource: { readonly kind: string },
        subject: KubeObject & { readonly name?: string },
        ...rest: unknown[]
      ) => {
        mayFail('conflict');
        mayFail('unavailable');
        const write = kube[verb].bind(kube) as (...args: unknown[]) => Promise<unknown>; // arguments are handed on as they came
        const answer = await write(resource, subject, ...rest);
        writes.push({ verb, kind: resource.kind, name: subject.name ?? subject.metadata?.name ?? '' });
        mayFail('crash');
        return answer;
      },
    ]),
  );
  return {
    fieldManager: kube.fieldManager,
    get: kube.get.bind(kube),
    list: kube.list.bind(kube),
    watch: kube.watch.bind(kube),
    createEvent: async (event: EventInput) => {
      events.push(event);
    },
    ...recorded,
  } as unknown as Kube; // every method of the port is there
}

let uids = 0;

export class BenchCluster {
  readonly clock = new FakeClock();
  readonly api: EmbeddedApiServer;
  /** Those of a role in each namespace: whatever is not granted is refused in every test. */
  readonly rights = new Rights({ own: systemNamespace, watched: ['default', 'leaving'] });
  readonly writes: Write[] = [];
  readonly events: EventInput[] = [];
  /** Pods that do not become ready. */
  readonly notReady = new Set<string>();
  /** What each pass said of the size of its tenant. */
  readonly sizes: string[] = [];
  readonly nodes = new FakeNodes();
  readonly catalog = new FakeCatalog();
  /** Of the shared services; others hold from the next start of the operator. */
  settings = settings;
  samples: Samples = { kind: 'measured', nodes: [] };
  tenants!: TenantReconciler;
  sources!: DataSourceReconciler;
  policies!: CompactionPolicyReconciler;
  shared!: SharedServicesReconciler;
  keys!: SigningKeys;
  /** Storage classes that do not exist: no claim of them is ever bound. */
  readonly missingClasses = new Set<string>();
  /** Nothing that is asked of volumes is done. */
  isResizerAway = false;
  /** What the API server says to who asks a claim to grow; undefined: it takes the larger size. */
  growthRefusal: string | undefined;
  /** Names what the chart made of the operator itself, where the shared services shall have an owner. */
  ownerName: string | undefined;
  /** From which template the set makes pods, and which it says it has. */
  revision = 'a';

  private constructor() {
    this.api = new EmbeddedApiServer({ ...operatorIdentity, clock: this.clock });
    this.restartOperator();
  }

  static async start(): Promise<BenchCluster> {
    const cluster = new BenchCluster();
    for (const crd of buildCrds()) await cluster.api.apply(customResourceDefinitions, crd);
    await cluster.api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: systemNamespace } });
    await cluster.keys.ensure();
    cluster.writes.length = 0;
    return cluster;
  }

  /** A new process: everything that the old one remembered is lost. */
  restartOperator(fault?: Fault): void {
    const { clock, nodes, catalog, settings, ownerName } = this;
    const kube = this.#refuseGrowth(
      recordWrites(withRights(this.api, this.rights, clock), this.writes, this.events, fault),
    );
    const cacheOf = () => undefined;
    const base = () => ({
      kube,
      clock,
      // In the place of caches, which need no right at the moment they are asked.
      view: createView(this.api, cacheOf, tenantNameOf),
      expectations: new Expectations(clock, cacheOf),
      logger: silentLogger,
    });
    this.keys = new SigningKeys({ kube, namespace: systemNamespace, randomBytes: countingBytes });
    const sizes = new SizeKeeper({ sample: async () => this.samples }, clock);
    const onSized = (tenantId: string, decision: SizeDecision | undefined) =>
      this.sizes.push(`${tenantId} ${decision?.reason ?? 'not scaled'}`);
    this.tenants = new TenantReconciler({ ...base(), settings, keys: this.keys, nodes, catalog, sizes, onSized });
    this.sources = new DataSourceReconciler({ ...base(), nodes, catalog });
    this.policies = new CompactionPolicyReconciler({ ...base(), catalog });
    const owner = ownerName === undefined ? {} : { ownerName };
    this.shared = new SharedServicesReconciler({ ...base(), ...owner, settings, keys: this.keys });
  }

  /** As the admission of sizes does where the class of a claim does not let it grow. */
  #refuseGrowth(kube: Kube): Kube {
    const mergePatch: Kube['mergePatch'] = async (resource, key, patch, options) => {
      const isGrowth = resource.kind === 'PersistentVolumeClaim' && 'spec' in patch;
      if (isGrowth && this.growthRefusal !== undefined) throw new HybridStoreError('forbidden', this.growthRefusal);
      return await kube.mergePatch(resource, key, patch, options);
    };
    return { ...kube, mergePatch };
  }

  async applyTenant(spec: object = {}, name: string = acme.name): Promise<Stored<Tenant>> {
    const object = { apiVersion: tenants.apiVersion, kind: 'Tenant', metadata: { namespace: 'default', name }, spec };
    return await this.api.apply(tenants, object as Tenant, { fieldManager: 'test', force: true });
  }

  async applySource(
    spec: object = {},
    name = 'orders',
    labels: Readonly<Record<string, string>> = {},
  ): Promise<Stored<DataSource>> {
    const full = { tenantRef: { name: acme.name }, sourceId: 'orders', ...spec };
    const object = {
      apiVersion: dataSources.apiVersion,
      kind: 'DataSource',
      metadata: { namespace: 'default', name, labels },
      spec: full,
    };
    return await this.api.apply(dataSources, object as DataSource, { fieldManager: 'test', force: true });
  }

  async applyPolicy(spec: object = {}): Promise<Stored<CompactionPolicy>> {
    const full = { tenantRef: { name: acme.name }, ...spec };
    const metadata = { namespace: 'default', name: 'hourly' };
    const object = { apiVersion: compactionPolicies.apiVersion, kind: 'CompactionPolicy', metadata, spec: full };
    return await this.api.apply(compactionPolicies, object as CompactionPolicy, { fieldManager: 'test', force: true });
  }

  async tenant(): Promise<Stored<Tenant>> {
    return await this.api.get(tenants, acme);
  }

  async pass(): Promise<ReconcileResult> {
    return await this.tenants.reconcile(acme);
  }

  /** One look of the garbage collector at everything; gives what it deleted, as `Kind/name`. */
  async collectGarbage(): Promise<readonly string[]> {
    const { store } = this.api;
    const all = store.collections().flatMap((collection) => store.list(collection));
    const deleted: string[] = [];
    for (const { kind, object } of collectGarbage(all)) {
      const resource = this.api.registry.findByKind(object.apiVersion ?? '', object.kind ?? '')?.resource;
      if (kind !== 'delete' || resource === undefined) continue;
      await this.api.delete(resource, keyOf(object));
      deleted.push(`${object.kind}/${object.metadata.name}`);
    }
    return deleted.sort();
  }

  /** Passes of the operator and turns of Kubernetes until both have nothing to do for the moment. */
  async settle(passesMax = 20): Promise<void> {
    for (let count = 0; count < passesMax; count += 1) {
      const before = this.api.store.revision;
      for (const { metadata } of (await this.api.list(tenants, { namespace: 'default' })).items)
        await this.tenants.reconcile({ namespace: 'default', name: metadata.name });
      await this.runKubernetes([...this.notReady]);
      if (this.api.store.revision === before) return;
      await this.clock.advance(1_000);
    }
    throw new Error(`not settled within ${passesMax} passes`);
  }

  /** The StatefulSet controller and the volume binder, in one turn: pods and claims as each set asks for, all of them ready. */
  async runKubernetes(unready: readonly string[] = []): Promise<void> {
    const sets = (await this.api.list(statefulSets, { namespace: 'default' })).items.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
    for (const set of sets)
      for (let ordinal = 0; ordinal < sizeOf(set); ordinal += 1) await this.#createClaims(set, ordinal);
    await this.#bindClaims();
    for (const set of sets)
      for (let ordinal = 0; ordinal < sizeOf(set); ordinal += 1) await this.#startNode(set, ordinal, unready);
    for (const set of sets) await this.#reportSet(set);
    const { items } = await this.api.list(pods, { namespace: 'default' });
    for (const { metadata } of items) {
      const base = metadata.name.slice(0, metadata.name.lastIndexOf('-'));
      const set = sets.find((one) => one.metadata.name === base);
      if (set === undefined || Number(metadata.name.slice(base.length + 1)) >= sizeOf(set))
        await this.api.delete(pods, { namespace: 'default', name: metadata.name }, { gracePeriodSeconds: 0 });
    }
  }

  async #createClaims(set: Stored<StatefulSet>, ordinal: number): Promise<void> {
    for (const { metadata, spec } of set.spec?.volumeClaimTemplates ?? []) {
      const name = `${metadata?.name}-${set.metadata.name}-${ordinal}`;
      const claim = {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { namespace: 'default', name, labels: metadata?.labels ?? {} },
        ...(spec === undefined ? {} : { spec }),
      };
      await orExists(this.api.create(persistentVolumeClaims, claim));
    }
  }

  async #startNode(set: Stored<StatefulSet>, ordinal: number, unready: readonly string[]): Promise<void> {
    const metadata = { namespace: 'default', labels: set.spec?.template.metadata?.labels ?? {} };
    const name = `${set.metadata.name}-${ordinal}`;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name, ownerReferences: [buildControllerReference(set)] },
      spec: { containers: [{ name: 'tenant-node', image: 'x' }] },
    };
    await orExists(this.api.create(pods, pod));
    const revision = { metadata: { labels: { 'controller-revision-hash': this.revision } } };
    await this.api.mergePatch(pods, { namespace: 'default', name }, revision);
    const isPlaced = await this.#isPlaced(set, name);
    const status = unready.includes(name) || !isPlaced ? 'False' : 'True';
    const phase = isPlaced ? 'Running' : 'Pending';
    await this.#patchStatus(pods, name, { phase, conditions: [{ type: 'Ready', status }] });
  }

  /** A pod waits for its volumes. */
  async #isPlaced(set: Stored<StatefulSet>, pod: string): Promise<boolean> {
    const { items } = await this.api.list(persistentVolumeClaims, { namespace: 'default' });
    const mounted = (set.spec?.template.spec.volumes ?? []).map((volume) => volume.persistentVolumeClaim?.claimName);
    const waitedFor = items.filter(({ metadata: { name } }) => name === `log-${pod}` || mounted.includes(name));
    return waitedFor.every(({ status }) => status?.phase === 'Bound');
  }

  async #bindClaims(): Promise<void> {
    const { items } = await this.api.list(persistentVolumeClaims, { namespace: 'default' });
    for (const { metadata, spec, status } of items) {
      const storage = spec?.resources?.requests?.storage ?? '1Gi';
      const isMissing = this.missingClasses.has(spec?.storageClassName ?? '');
      if (status?.capacity?.storage === storage || isMissing || this.isResizerAway) continue;
      await this.#patchStatus(persistentVolumeClaims, metadata.name, { phase: 'Bound', capacity: { storage } });
    }
  }

  async #reportSet(set: Stored<StatefulSet>): Promise<void> {
    const replicas = sizeOf(set);
    const names = new Set(Array.from({ length: replicas }, (_, ordinal) => `${set.metadata.name}-${ordinal}`));
    const { items } = await this.api.list(pods, { namespace: 'default' });
    const readyReplicas = items.filter(
      ({ metadata, status }) =>
        names.has(metadata.name) &&
        status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    ).length;
    const status = {
      replicas,
      readyReplicas,
      updatedReplicas: replicas,
      observedGeneration: set.metadata.generation,
      currentRevision: this.revision,
      updateRevision: this.revision,
    };
    await this.#patchStatus(statefulSets, set.metadata.name, status);
  }

  async #patchStatus(
    resource: Parameters<EmbeddedApiServer['patchStatus']>[0],
    name: string,
    status: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { apiVersion, kind } = resource;
    await this.api.patchStatus(
      resource,
      { apiVersion, kind, metadata: { namespace: 'default', name }, status },
      { fieldManager: 'kubernetes', force: true },
    );
  }
}

function sizeOf({ spec }: StatefulSet): number {
  return spec?.replicas ?? 0;
}

async function orExists(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (!(error instanceof HybridStoreError) || error.code !== 'conflict') throw error;
  }
}

/** Different in each call, as random bytes are, and the same in each run. */
function countingBytes(count: number): Buffer {
  uids += 1;
  return Buffer.from(Array.from({ length: count }, (_, index) => (index * 37 + uids * 101) % 256));
}

/** A condition of an object, as `status/reason`. */
export function conditionOf(
  object: {
    readonly status?:
      | {
          readonly conditions?:
            | readonly { readonly type: string; readonly status: string; readonly reason: string }[]
            | undefined;
        }
      | undefined;
  },
  type: string,
): string | undefined {
  const condition = object.status?.conditions?.find((each) => each.type === type);
  return condition === undefined ? undefined : `${condition.status}/${condition.reason}`;
}
