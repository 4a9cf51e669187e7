import {
  buildCrds,
  type CompactionPolicyDefinition,
  type DrainStatus,
  type NodeProblem,
  type SourceDefinition,
} from '@hybridstore/contracts';
import type { EventInput, Kube, KubeObject, ReconcileResult, Stored } from '@hybridstore/controller-runtime';
import {
  createView,
  customResourceDefinitions,
  Expectations,
  getOrNothing,
  namespaces,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
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
import { tenantLabels, tenantNameOf } from '../src/resources/labels.ts';
import { tenantNames } from '../src/resources/names.ts';
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

  async problems(_tenant: unknown, pod: string): Promise<readonly NodeProblem[]> {
    if (this.away.has(pod)) throw new HybridStoreError('unavailable', `${pod} cannot be reached`);
    return pod.endsWith('-0') ? this.found : [];
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
  readonly rights = new Rights({ own: systemNamespace, watched: ['default'] });
  readonly writes: Write[] = [];
  readonly events: EventInput[] = [];
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
    const { clock, nodes, catalog } = this;
    const kube = recordWrites(withRights(this.api, this.rights, clock), this.writes, this.events, fault);
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
    this.tenants = new TenantReconciler({ ...base(), settings, keys: this.keys, nodes, catalog, sizes });
    this.sources = new DataSourceReconciler({ ...base(), nodes, catalog });
    this.policies = new CompactionPolicyReconciler({ ...base(), catalog });
    this.shared = new SharedServicesReconciler({ ...base(), settings: this.settings, keys: this.keys });
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

  /** Passes of the operator and turns of Kubernetes until both have nothing to do for the moment. */
  async settle(passesMax = 20): Promise<void> {
    for (let count = 0; count < passesMax; count += 1) {
      const before = this.api.store.revision;
      await this.pass();
      await this.runKubernetes();
      if (this.api.store.revision === before) return;
      await this.clock.advance(1_000);
    }
    throw new Error(`not settled within ${passesMax} passes`);
  }

  /** The StatefulSet controller and the volume binder, in one turn: pods and claims as the set asks for, all of them ready. */
  async runKubernetes(unready: readonly string[] = []): Promise<void> {
    const names = tenantNames(acme.name);
    const set = await getOrNothing(this.api, statefulSets, { namespace: 'default', name: names.base });
    const size = set?.metadata.deletionTimestamp === undefined ? (set?.spec?.replicas ?? 0) : 0;
    for (let ordinal = 0; ordinal < size; ordinal += 1) await this.#startNode(ordinal, unready);
    const { items } = await this.api.list(pods, { namespace: 'default' });
    for (const pod of items)
      if (Number(pod.metadata.name.split('-').at(-1)) >= size)
        await this.api.delete(pods, { namespace: 'default', name: pod.metadata.name }, { gracePeriodSeconds: 0 });
    await this.#bindClaims();
    if (set !== undefined && set.metadata.deletionTimestamp === undefined)
      await this.#reportSet(set, size - unready.length);
  }

  async #startNode(ordinal: number, unready: readonly string[]): Promise<void> {
    const names = tenantNames(acme.name);
    const labels = tenantLabels(acme.name);
    const metadata = { namespace: 'default', labels };
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { ...metadata, name: names.logClaim(ordinal) },
    };
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await orExists(this.api.create(persistentVolumeClaims, { ...claim, spec }));
    const name = names.pod(ordinal);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name },
      spec: { containers: [{ name: 'tenant-node', image: 'x' }] },
    };
    await orExists(this.api.create(pods, pod));
    const revision = { metadata: { labels: { 'controller-revision-hash': this.revision } } };
    await this.api.mergePatch(pods, { namespace: 'default', name }, revision);
    const status = unready.includes(name) ? 'False' : 'True';
    await this.#patchStatus(pods, name, { phase: 'Running', conditions: [{ type: 'Ready', status }] });
  }

  async #bindClaims(): Promise<void> {
    const { items } = await this.api.list(persistentVolumeClaims, { namespace: 'default' });
    for (const claim of items)
      if (claim.status?.phase !== 'Bound')
        await this.#patchStatus(persistentVolumeClaims, claim.metadata.name, { phase: 'Bound' });
  }

  async #reportSet(set: Stored<KubeObject>, readyReplicas: number): Promise<void> {
    const replicas = (set as { readonly spec?: { readonly replicas?: number } }).spec?.replicas ?? 0;
    const status = {
      replicas,
      readyReplicas,
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
