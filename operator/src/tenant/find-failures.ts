import type { KubeEvent, KubeObject, PersistentVolumeClaim, Resource, Stored } from '@hybridstore/controller-runtime';
import { persistentVolumeClaims, pods, statefulSets } from '@hybridstore/controller-runtime';
import { type TenantKey, tenantNames } from '../resources/names.ts';
import { isScheduled, judgeContainers, type PodFailure } from './judge-pod.ts';
import type { NodeFailure, NodeView, TenantWorld } from './world.ts';

export type FailureSearch = {
  readonly key: TenantKey;
  readonly world: TenantWorld;
  /** Nodes that there should be. */
  readonly size: number;
  readonly dataClaimName: string;
  readonly nowMs: number;
  /** Newest first. Events are hints: where they cannot be read, less is said. */
  readonly eventsOf: (resource: Resource, object: Stored<KubeObject>) => Promise<readonly Stored<KubeEvent>[]>;
};

/** Time in which a pod is placed and its volumes are bound when all is well; what waits for less has not failed. */
export const startingMsMax = 20_000;
/** Nodes of a tenant about which Events are read in one pass; the others most likely have the same trouble. */
const nodesExaminedMax = 8;

/**
 * Why nodes that should serve do not, in whose words: the kubelet's and the scheduler's stand in the pod, the API server's
 * and the provisioner's in Events only. Nodes of the current template first: others are replaced anyway.
 *
 *   no pod            ← FailedCreate of the set          PodsRefused
 *   not scheduled     ← its claims, else the condition   VolumePending, Unschedulable
 *   not started       ← the container's status           ImagePullFailed, CrashLooping, ContainerNotCreated
 *   being created     ← FailedMount, … of the pod        VolumePending, ContainerNotCreated
 */
export async function findFailures(search: FailureSearch): Promise<readonly NodeFailure[]> {
  const { world, size, nowMs } = search;
  const nodes = new Map(world.nodes.map((node) => [node.ordinal, node]));
  const unready = Array.from({ length: size }, (_, ordinal) => ordinal).filter(
    (ordinal) => nodes.get(ordinal)?.isReady !== true,
  );
  const found = new Map<number, PodFailure>();
  for (const ordinal of unready) note(found, ordinal, judgeStarted(nodes.get(ordinal), nowMs));
  const silent = unready.filter((ordinal) => !found.has(ordinal)).slice(0, nodesExaminedMax);
  const setEvents = silent.some((ordinal) => !nodes.has(ordinal)) ? await readSetEvents(search) : [];
  for (const ordinal of silent) {
    const node = nodes.get(ordinal);
    note(found, ordinal, node === undefined ? findRefusal(search, setEvents, ordinal) : await examine(search, node));
  }
  return [...found]
    .map(([ordinal, failure]) => ({ ...failure, ...describeNode(search, ordinal, nodes.get(ordinal)) }))
    .sort((a, b) => Number(a.isOutdated) - Number(b.isOutdated));
}

function note(found: Map<number, PodFailure>, ordinal: number, failure: PodFailure | undefined): void {
  if (failure !== undefined) found.set(ordinal, failure);
}

function describeNode({ key, world }: FailureSearch, ordinal: number, node: NodeView | undefined) {
  const template = node?.object.spec ?? world.statefulSet?.spec?.template.spec;
  return {
    pod: tenantNames(key.name).pod(ordinal),
    image: template?.containers[0]?.image ?? '',
    isOutdated: node?.isOutdated ?? false,
  };
}

function judgeStarted(node: NodeView | undefined, nowMs: number): PodFailure | undefined {
  return node === undefined || isLeaving(node) ? undefined : judgeContainers(node.object, nowMs);
}

function isLeaving({ object }: NodeView): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

/** A set that was just made has not tried yet. */
async function readSetEvents({ world, nowMs, eventsOf }: FailureSearch): Promise<readonly Stored<KubeEvent>[]> {
  const { statefulSet } = world;
  if (statefulSet === undefined || isYoung(statefulSet, nowMs)) return [];
  return await eventsOf(statefulSets, statefulSet);
}

function isYoung({ metadata }: Stored<KubeObject>, nowMs: number): boolean {
  return nowMs - Date.parse(metadata.creationTimestamp ?? '') < startingMsMax;
}

const creations: ReadonlySet<string> = new Set(['FailedCreate', 'SuccessfulCreate']);

/** What the API server said when the pod, or its claim, was last created: it may have been made since, and be gone again. */
function findRefusal(
  { key }: FailureSearch,
  setEvents: readonly Stored<KubeEvent>[],
  ordinal: number,
): PodFailure | undefined {
  const pod = tenantNames(key.name).pod(ordinal);
  const last = setEvents.find(({ reason = '', note: text = '' }) => creations.has(reason) && isAbout(text, pod));
  if (last?.reason !== 'FailedCreate') return undefined;
  return { reason: 'PodsRefused', message: last.note ?? last.reason };
}

/** The set's controller names the pod in the text of its Events and nowhere else. */
function isAbout(text: string, pod: string): boolean {
  return text.split(/[^a-z0-9-]+/).includes(pod);
}

async function examine(search: FailureSearch, node: NodeView): Promise<PodFailure | undefined> {
  if (isLeaving(node) || isYoung(node.object, search.nowMs)) return undefined;
  if (!isScheduled(node.object)) return (await findVolumeWaitedFor(search, node.ordinal)) ?? judgeUnscheduled(node);
  return isBeingCreated(node) ? await findStartFailure(search, node) : undefined;
}

function judgeUnscheduled({ object }: NodeView): PodFailure {
  const { reason = 'Unschedulable', message = reason } =
    object.status?.conditions?.find(({ type }) => type === 'PodScheduled') ?? {};
  return { reason: 'Unschedulable', message };
}

/** The last Event of a claim that is bound only once its pod has a place: nothing is wrong with it. */
const waitsForPod: ReadonlySet<string> = new Set(['WaitForFirstConsumer', 'WaitForPodScheduled']);
/** Set when the scheduler has chosen a place: from then on the pod waits for the volume, no more the other way. */
const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';

async function findVolumeWaitedFor(search: FailureSearch, ordinal: number): Promise<PodFailure | undefined> {
  const { world, dataClaimName } = search;
  if (world.dataClaim === undefined)
    return { reason: 'VolumePending', message: `persistentvolumeclaim "${dataClaimName}" not found` };
  for (const claim of [world.dataClaim, world.logClaims.get(ordinal)]) {
    const failure = claim === undefined ? undefined : await judgeClaim(search, claim);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

async function judgeClaim(
  { eventsOf }: FailureSearch,
  claim: Stored<PersistentVolumeClaim>,
): Promise<PodFailure | undefined> {
  const phase = claim.status?.phase ?? 'Pending';
  if (phase === 'Bound') return undefined;
  const [last] = await eventsOf(persistentVolumeClaims, claim);
  const isPlaced = claim.metadata.annotations?.[selectedNodeAnnotation] !== undefined;
  const isWaiting = last === undefined || waitsForPod.has(last.reason ?? '');
  if (phase === 'Pending' && isWaiting && !isPlaced) return undefined;
  const words = last?.note ?? 'no Event says why';
  return { reason: 'VolumePending', message: `claim ${claim.metadata.name} is ${phase}: ${words}` };
}

function isBeingCreated({ object }: NodeView): boolean {
  const containers = object.status?.containerStatuses ?? [];
  return containers.every(({ state }) => state?.running === undefined && state?.terminated === undefined);
}

/** Source: kubernetes pkg/kubelet/events/event.go, pkg/controller/volume/events/event.go. */
const mountFailures: ReadonlySet<string> = new Set(['FailedMount', 'FailedAttachVolume', 'FailedMapVolume']);

/** A placed pod whose container was not even tried: a volume is not mounted, or it has no network. */
async function findStartFailure({ eventsOf }: FailureSearch, { object }: NodeView): Promise<PodFailure | undefined> {
  const last = (await eventsOf(pods, object)).find(({ type }) => type === 'Warning');
  if (last === undefined) return undefined;
  const message = last.note ?? last.reason ?? '';
  if (mountFailures.has(last.reason ?? '')) return { reason: 'VolumePending', message };
  return last.reason === 'FailedCreatePodSandBox' ? { reason: 'ContainerNotCreated', message } : undefined;
}
