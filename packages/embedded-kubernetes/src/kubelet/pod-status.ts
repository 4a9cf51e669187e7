import type { ContainerState, Pod, PodCondition, PodStatus, Stored } from '@hybridstore/controller-runtime';

export type ContainerFacts = {
  readonly address: string;
  readonly isReady: boolean;
  readonly isRunning: boolean;
  readonly hasStarted: boolean;
  readonly restartCount: number;
  readonly state: ContainerState;
  readonly lastState?: ContainerState;
  /** RFC 3339. */
  readonly now: string;
};

/** The status a kubelet would write. A condition keeps its transition time while its status stays. Pure. */
export function buildPodStatus(pod: Stored<Pod>, facts: ContainerFacts): PodStatus {
  const container = pod.spec.containers[0];
  const isPending = !facts.isRunning && facts.restartCount === 0;
  return {
    phase: isPending ? 'Pending' : 'Running',
    podIP: facts.address,
    podIPs: [{ ip: facts.address }],
    hostIP: '127.0.0.1',
    startTime: pod.status?.startTime ?? facts.now,
    qosClass: 'Burstable',
    conditions: [
      condition(pod, 'PodScheduled', true, facts.now),
      condition(pod, 'Initialized', true, facts.now),
      condition(pod, 'ContainersReady', facts.isReady, facts.now),
      condition(pod, 'Ready', facts.isReady, facts.now),
    ],
    containerStatuses: [
      {
        name: container?.name ?? '',
        image: container?.image ?? '',
        imageID: '',
        ready: facts.isReady,
        started: facts.hasStarted,
        restartCount: facts.restartCount,
        state: facts.state,
        ...(facts.lastState ? { lastState: facts.lastState } : {}),
      },
    ],
  };
}

function condition(pod: Stored<Pod>, type: string, isTrue: boolean, now: string): PodCondition {
  const status = isTrue ? 'True' : 'False';
  const before = pod.status?.conditions?.find((one) => one.type === type);
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
  return isTrue
    ? { type, status, lastTransitionTime }
    : { type, status, lastTransitionTime, reason: 'ContainersNotReady', message: 'containers with unready status' };
}
