import type { ContainerState, Pod, Stored } from '@hybridstore/controller-runtime';
import type { NodeFailure } from './world.ts';

/** What the status of a pod alone says is wrong with it. Pure; what only Events tell is in find-failures.ts. */
export type PodFailure = Pick<NodeFailure, 'reason' | 'message'>;
type ContainerStatus = NonNullable<NonNullable<Stored<Pod>['status']>['containerStatuses']>[number];
type Terminated = NonNullable<ContainerState['terminated']>;

/** Why kubelet does not get an image. Source: kubernetes pkg/kubelet/images/types.go, cri-api pkg/errors. */
const imageReasons: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);
/** Why it does not make or start a container. Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go. */
const creationReasons: ReadonlySet<string> = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'PreCreateHookError',
  'PreStartHookError',
  'RunContainerError',
]);

/** A container that ended once may have been unlucky; between two ends it runs, and is no better for it. */
const crashesMin = 2;
/** After this time running, kubelet forgets earlier ends, too. */
const crashMemoryMs = 600_000;
const lineCharactersMax = 512;

export function isScheduled({ status }: Stored<Pod>): boolean {
  return status?.conditions?.find(({ type }) => type === 'PodScheduled')?.status !== 'False';
}

/** The node itself: what somebody else put beside it may run while it does not. */
export function isNodeRunning(pod: Stored<Pod>): boolean {
  const own = containerNameOf(pod);
  return (
    pod.status?.containerStatuses?.some(({ name, state }) => name === own && state?.running !== undefined) ?? false
  );
}

/** Containers of ours are called like the component that they are. */
function containerNameOf({ metadata }: Stored<Pod>): string | undefined {
  return metadata.labels?.['app.kubernetes.io/component'];
}

/** Since when it is not ready: since it exists, if it never was. */
export function notReadySinceMs({ metadata, status }: Stored<Pod>): number {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return Date.parse(ready?.lastTransitionTime ?? metadata.creationTimestamp ?? '');
}

/** Undefined while its containers may still come up. One that somebody else put into the pod is named: no log of ours speaks of it. */
export function judgeContainers(pod: Stored<Pod>, nowMs: number): PodFailure | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const own = containerNameOf(pod);
  for (const container of [...initContainerStatuses, ...containerStatuses]) {
    const failure = judgeWaiting(container) ?? judgeEnds(container, nowMs);
    if (failure === undefined) continue;
    const { name } = container;
    return name === own ? failure : { ...failure, message: `container ${name}: ${failure.message}` };
  }
  return undefined;
}

function judgeWaiting({ state }: ContainerStatus): PodFailure | undefined {
  const { reason = '', message = reason } = state?.waiting ?? {};
  if (imageReasons.has(reason)) return { reason: 'ImagePullFailed', message };
  if (creationReasons.has(reason))
    return { reason: 'ContainerNotCreated', message: message === reason ? reason : `${reason}: ${message}` };
  return undefined;
}

/** Also between two ends, so that the reason stays while the container tries once more. */
function judgeEnds({ ready, state, lastState, restartCount }: ContainerStatus, nowMs: number): PodFailure | undefined {
  const ended = state?.terminated ?? lastState?.terminated;
  const isBackedOff = state?.waiting?.reason === 'CrashLoopBackOff';
  if (ready || ended === undefined)
    return isBackedOff ? { reason: 'CrashLooping', message: 'CrashLoopBackOff' } : undefined;
  const endedMs = ended.finishedAt === undefined ? nowMs : Date.parse(ended.finishedAt);
  const isRepeated = restartCount >= crashesMin && nowMs - endedMs < crashMemoryMs;
  return isBackedOff || isRepeated ? { reason: 'CrashLooping', message: describeEnd(ended) } : undefined;
}

function describeEnd({ exitCode, reason, message = '' }: Terminated): string {
  const line = lastLine(message);
  const how = `it ended with exit code ${exitCode}${reason === undefined ? '' : ` (${reason})`}`;
  return line === '' ? how : `${how}: ${line}`;
}

/** The container's own message, or, by `terminationMessagePolicy`, the end of what it logged. */
function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return (lines.findLast((line) => line !== '') ?? '').slice(0, lineCharactersMax);
}
