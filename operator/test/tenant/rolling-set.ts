import { createHash } from 'node:crypto';
import {
  getOrNothing,
  type ObjectKey,
  type Pod,
  persistentVolumeClaims,
  pods,
  type Resource,
  type StatefulSet,
  type Stored,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { tenantLabels } from '../../src/resources/labels.ts';
import type { BenchCluster } from '../bench-cluster.ts';

/** What nodes of an image come to. `waits`: it runs, and is ready once every other one runs. */
export type Fate = 'waits' | 'unpullable' | 'crashes' | 'runs';

/**
 * The StatefulSet controller where the bench's own is too kind: of several templates, and waiting for a node that is not
 * ready. Source: kubernetes pkg/controller/statefulset/stateful_set_control.go, updateStatefulSet with podManagementPolicy
 * Parallel: makes what is missing, then replaces from the last to the first and stops at the first that is not healthy.
 */
export class RollingSet {
  readonly #cluster: BenchCluster;
  readonly #tenant: string;
  readonly #set: { readonly namespace: string; readonly name: string };
  /** By image. */
  readonly fates = new Map<string, Fate>();
  #currentRevision: string | undefined;
  #size = 0;

  constructor(cluster: BenchCluster, tenant = 'acme') {
    this.#cluster = cluster;
    this.#tenant = tenant;
    this.#set = { namespace: 'default', name: `hs-${tenant}` };
  }

  async turn(): Promise<void> {
    const { api } = this.#cluster;
    const stored = await api.get(statefulSets, this.#set);
    this.#size = stored.spec?.replicas ?? 1;
    const revision = revisionOf(stored);
    this.#currentRevision ??= revision;
    for (let ordinal = 0; ordinal < this.#size; ordinal += 1) await this.#makeMissing(stored, ordinal, revision);
    await this.#reportNodes();
    await this.#replaceOne(revision);
    await this.#bindClaims();
    const nodes = await this.nodes();
    if (nodes.every((node) => revisionLabelOf(node) === revision && isReady(node))) this.#currentRevision = revision;
    await this.#patchStatus(statefulSets, this.#set, {
      replicas: nodes.length,
      readyReplicas: nodes.filter(isReady).length,
      observedGeneration: stored.metadata.generation,
      currentRevision: this.#currentRevision,
      updateRevision: revision,
      updatedReplicas: nodes.filter((node) => revisionLabelOf(node) === revision).length,
    });
  }

  async nodes(): Promise<readonly Stored<Pod>[]> {
    const found = await Promise.all(
      Array.from({ length: this.#size }, (_, ordinal) => getOrNothing(this.#cluster.api, pods, this.#nodeKey(ordinal))),
    );
    return found.filter((node) => node !== undefined);
  }

  #nodeKey(ordinal: number) {
    return { ...this.#set, name: `${this.#set.name}-${ordinal}` };
  }

  /** By hand, a drain, or whoever else. */
  async evict(ordinal: number): Promise<void> {
    await this.#cluster.api.delete(pods, this.#nodeKey(ordinal), { gracePeriodSeconds: 0 });
  }

  /** The kubelet has stopped what was asked to go. */
  async endLeaving(): Promise<void> {
    for (const { metadata } of await this.nodes())
      if (metadata.deletionTimestamp !== undefined)
        await this.#cluster.api.delete(pods, { ...metadata }, { gracePeriodSeconds: 0 });
  }

  async #makeMissing(stored: Stored<StatefulSet>, ordinal: number, revision: string): Promise<void> {
    const { api } = this.#cluster;
    if ((await getOrNothing(api, pods, this.#nodeKey(ordinal))) !== undefined) return;
    const labels = { ...tenantLabels(this.#tenant), 'controller-revision-hash': revision };
    const { name = '', image = '' } = stored.spec?.template.spec.containers[0] ?? {};
    const spec = { containers: [{ name, image }] };
    await api.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { ...this.#nodeKey(ordinal), labels }, spec });
  }

  async #replaceOne(revision: string): Promise<void> {
    for (const node of (await this.nodes()).toReversed()) {
      if (node.metadata.deletionTimestamp !== undefined) return;
      if (revisionLabelOf(node) !== revision)
        return await this.#cluster.api.delete(pods, { ...node.metadata }, { gracePeriodSeconds: 0 });
      if (!isReady(node)) return;
    }
  }

  async #bindClaims(): Promise<void> {
    const { items } = await this.#cluster.api.list(persistentVolumeClaims, { namespace: 'default' });
    for (const { metadata } of items) await this.#patchStatus(persistentVolumeClaims, metadata, { phase: 'Bound' });
  }

  async #reportNodes(): Promise<void> {
    const nodes = await this.nodes();
    const fateOf = (node: Stored<Pod>) => this.fates.get(imageOf(node)) ?? 'waits';
    const runs = (node: Stored<Pod>) => fateOf(node) === 'waits' && node.metadata.deletionTimestamp === undefined;
    for (const node of nodes) {
      const isJoined = nodes.length === this.#size && nodes.every(runs);
      await this.#patchStatus(pods, node.metadata, this.#statusOf(node, fateOf(node), isJoined));
    }
  }

  #statusOf(node: Stored<Pod>, fate: Fate, isJoined: boolean): object {
    const status = isJoined ? 'True' : 'False';
    const before = node.status?.conditions?.find(({ type }) => type === 'Ready');
    const now = new Date(this.#cluster.clock.now()).toISOString();
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
    const running = { running: { startedAt: now } };
    const beside = { name: 'mesh-proxy', image: 'mesh:1', ready: true, restartCount: 0, state: running };
    const container = { name: 'tenant-node', image: imageOf(node), ready: isJoined, restartCount: 0 };
    return {
      conditions: [{ type: 'Ready', status, lastTransitionTime }],
      // What somebody put beside it runs, whatever becomes of the node.
      containerStatuses: [beside, { ...container, ...containerOf(fate, now) }],
    };
  }

  async #patchStatus(resource: Resource, { namespace, name }: Partial<ObjectKey>, status: object): Promise<void> {
    const { apiVersion, kind } = resource;
    const metadata = { ...(namespace === undefined ? {} : { namespace }), name: name ?? '' };
    const object = { apiVersion, kind, metadata, status: { ...status } };
    await this.#cluster.api.patchStatus(resource, object, { fieldManager: 'kubernetes', force: true });
  }
}

function containerOf(fate: Fate, finishedAt: string): object {
  const lastState = { terminated: { exitCode: 1, reason: 'Error', message: 'no such flag', finishedAt } };
  switch (fate) {
    case 'unpullable':
      return { state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image: not found' } } };
    case 'crashes':
      return { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState, restartCount: 4 };
    case 'runs':
      return { state: { running: { startedAt: finishedAt } }, lastState, restartCount: 4 };
    case 'waits':
      return { state: { running: { startedAt: finishedAt } } };
  }
}

function revisionOf({ spec }: Stored<StatefulSet>): string {
  return createHash('sha256').update(JSON.stringify(spec?.template)).digest('hex').slice(0, 10);
}

const revisionLabelOf = ({ metadata }: Stored<Pod>) => metadata.labels?.['controller-revision-hash'];
export const imageOf = ({ spec }: Stored<Pod>) => spec.containers[0]?.image ?? '';
const isReady = ({ status }: Stored<Pod>) =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
