import type { ScalingBehavior, ScalingPolicy } from '@hybridstore/contracts';

/**
 * How the desired size becomes the next size: the behaviour of the horizontal pod autoscaler (Kubernetes,
 * pkg/controller/podautoscaler, `stabilizeRecommendationWithBehaviors` and `convertDesiredReplicasWithBehaviorRate`), on a
 * clock that never goes back.
 *
 * What is remembered of a tenant between two decisions. Times are monotonic.
 */
export type ScalingMemory = {
  readonly desired: readonly { readonly atMs: number; readonly replicas: number }[];
  readonly changes: readonly { readonly atMs: number; readonly by: number }[];
};

export const emptyMemory: ScalingMemory = { desired: [], changes: [] };

/** More than an hour of decisions a second; beyond it the oldest are forgotten. */
const entriesMax = 4_096;

export function rememberDesired(
  memory: ScalingMemory,
  replicas: number,
  nowMs: number,
  behavior: ScalingBehavior,
): ScalingMemory {
  const windowMs =
    1_000 * Math.max(behavior.scaleUp.stabilizationWindowSeconds, behavior.scaleDown.stabilizationWindowSeconds);
  const kept = memory.desired.filter((entry) => nowMs - entry.atMs <= windowMs);
  return { ...memory, desired: [...kept, { atMs: nowMs, replicas }].slice(-entriesMax) };
}

export function rememberChange(
  memory: ScalingMemory,
  by: number,
  nowMs: number,
  behavior: ScalingBehavior,
): ScalingMemory {
  const periods = [...behavior.scaleUp.policies, ...behavior.scaleDown.policies].map((policy) => policy.periodSeconds);
  const windowMs = 1_000 * Math.max(0, ...periods);
  const kept = memory.changes.filter((change) => nowMs - change.atMs <= windowMs);
  return { ...memory, changes: (by === 0 ? kept : [...kept, { atMs: nowMs, by }]).slice(-entriesMax) };
}

/** Grows only as far as was desired throughout the up window, shrinks only as far as was desired throughout the down window. */
export function stabilize(
  memory: ScalingMemory,
  current: number,
  desired: number,
  nowMs: number,
  behavior: ScalingBehavior,
): number {
  const within = (seconds: number) =>
    memory.desired.filter((entry) => nowMs - entry.atMs < seconds * 1_000).map((entry) => entry.replicas);
  const lowest = Math.min(desired, ...within(behavior.scaleUp.stabilizationWindowSeconds));
  const highest = Math.max(desired, ...within(behavior.scaleDown.stabilizationWindowSeconds));
  if (current < lowest) return lowest;
  return Math.min(current, highest);
}

/** Bounds the change by the policies; of several the widest counts. */
export function limitRate(
  memory: ScalingMemory,
  current: number,
  target: number,
  nowMs: number,
  behavior: ScalingBehavior,
): number {
  if (target > current) {
    const { policies } = behavior.scaleUp;
    const bounds = policies.map((policy) => boundUp(policy, startOfPeriod(memory, current, policy, nowMs)));
    return policies.length === 0 ? target : Math.max(current, Math.min(target, Math.max(...bounds)));
  }
  const { policies } = behavior.scaleDown;
  const bounds = policies.map((policy) => boundDown(policy, startOfPeriod(memory, current, policy, nowMs)));
  return policies.length === 0 ? target : Math.min(current, Math.max(target, Math.min(...bounds)));
}

/** The size at the start of the policy's period. */
function startOfPeriod(memory: ScalingMemory, current: number, policy: ScalingPolicy, nowMs: number): number {
  const recent = memory.changes.filter((change) => nowMs - change.atMs < policy.periodSeconds * 1_000);
  return current - recent.reduce((sum, change) => sum + change.by, 0);
}

function boundUp(policy: ScalingPolicy, start: number): number {
  return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100));
}

function boundDown(policy: ScalingPolicy, start: number): number {
  return policy.type === 'Pods' ? start - policy.value : Math.floor(start * (1 - policy.value / 100));
}
