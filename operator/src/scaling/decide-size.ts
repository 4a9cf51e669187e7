import type { Autoscaling } from '@hybridstore/contracts';
import { chooseDesiredSize, computeDesiredSizes } from './desired-size.ts';
import { mean, type Samples, viewMetric } from './samples.ts';
import { limitRate, rememberChange, rememberDesired, type ScalingMemory, stabilize } from './stabilize.ts';

export type SizeInput = {
  readonly autoscaling: Autoscaling;
  /** The size that was decided last. */
  readonly current: number;
  readonly readyPods: ReadonlySet<string>;
  /** Nodes of the current size that never had a volume, hence never ran: there is nothing to measure, nor to wait for. */
  readonly neverRan?: number;
  readonly samples: Samples;
  readonly memory: ScalingMemory;
  /** Monotonic. */
  readonly nowMs: number;
};

export type SizeReason =
  | 'WithinThresholds'
  | 'AboveThreshold'
  | 'BelowThreshold'
  | 'Stabilizing'
  | 'RateLimited'
  | 'AtMinimum'
  | 'AtMaximum'
  | 'MetricsIncomplete'
  | 'MetricsMissing'
  | 'SourceUnavailable'
  | 'NoReadyNodes';

/** A decision and what it rests on. `target` is what the operator should strive for; it is not carried out here. */
export type SizeDecision = {
  readonly target: number;
  /** What the metrics ask for, within the bounds, before time has a say. */
  readonly desired: number;
  readonly reason: SizeReason;
  readonly message: string;
  /** False: the size is kept because nothing can be measured. */
  readonly isActive: boolean;
  readonly measured: Measured;
  readonly memory: ScalingMemory;
};

/** Means over ready nodes, for people. */
export type Measured = {
  readonly cpuPercent?: number;
  readonly memoryPercent?: number;
  readonly queueWaitMs?: number;
};

/** How many nodes there should be. Pure: the clock and the samples are arguments. */
export function decideSize(input: SizeInput): SizeDecision {
  const { samples } = input;
  if (samples.kind === 'unavailable') return keep(input, 'SourceUnavailable', samples.message, {});
  if (input.readyPods.size === 0) return keep(input, 'NoReadyNodes', 'no node is ready', {});
  const context = {
    autoscaling: input.autoscaling,
    samples: samples.nodes,
    readyPods: input.readyPods,
    replicas: input.current,
    measurable: input.current - (input.neverRan ?? 0),
    nowMs: input.nowMs,
    intervalMs: input.autoscaling.behavior.metricsIntervalSeconds * 1_000,
  };
  const measured = describeMeasured(samples.nodes, context);
  const sizes = computeDesiredSizes(context);
  const size = chooseDesiredSize(sizes);
  if (size === undefined || Object.keys(measured).length === 0)
    return keep(input, 'MetricsMissing', sizes.map((each) => each.message).join('; '), measured);
  return carryOut(input, { ...size, isIncomplete: size.kind === 'unknown' }, measured);
}

function keep(input: SizeInput, reason: SizeReason, message: string, measured: Measured): SizeDecision {
  // A size that breaks the bounds is corrected even when nothing can be measured: the bounds are what people ask for.
  const target = clamp(input.current, input.autoscaling);
  // Holding counts as a desired size, too: after the source is back, the down window starts anew.
  const memory = rememberDesired(input.memory, target, input.nowMs, input.autoscaling.behavior);
  return { target, desired: target, reason, message, isActive: false, measured, memory };
}

type ChosenSize = { readonly replicas: number; readonly message: string; readonly isIncomplete: boolean };

function carryOut(input: SizeInput, chosen: ChosenSize, measured: Measured): SizeDecision {
  const { autoscaling, current, nowMs } = input;
  const { behavior } = autoscaling;
  const desired = clamp(chosen.replicas, autoscaling);
  const stable = stabilize(input.memory, current, desired, nowMs, behavior);
  // A recommendation is where the way would end: nothing changes, so no rate bounds it and no change is remembered.
  const isCarriedOut = autoscaling.mode === 'Auto';
  const limited = isCarriedOut ? limitRate(input.memory, current, stable, nowMs, behavior) : stable;
  const target = clamp(limited, autoscaling);
  const remembered = rememberDesired(input.memory, desired, nowMs, behavior);
  const reason = nameReason({ current, chosen, desired, stable, target });
  return {
    target,
    desired,
    reason,
    message: chosen.message,
    isActive: true,
    measured,
    memory: isCarriedOut ? rememberChange(remembered, target - current, nowMs, behavior) : remembered,
  };
}

function nameReason(sizes: {
  readonly current: number;
  readonly chosen: ChosenSize;
  readonly desired: number;
  readonly stable: number;
  readonly target: number;
}): SizeReason {
  const { current, chosen, desired, stable, target } = sizes;
  if (chosen.isIncomplete) return 'MetricsIncomplete';
  if (target > current) return 'AboveThreshold';
  if (target < current) return 'BelowThreshold';
  if (stable !== current) return 'RateLimited';
  if (desired !== current) return 'Stabilizing';
  if (chosen.replicas > desired) return 'AtMaximum';
  return chosen.replicas < desired ? 'AtMinimum' : 'WithinThresholds';
}

export function clamp(
  replicas: number,
  bounds: { readonly minReplicas: number; readonly maxReplicas: number },
): number {
  return Math.min(Math.max(replicas, bounds.minReplicas), bounds.maxReplicas);
}

function describeMeasured(
  samples: Extract<Samples, { kind: 'measured' }>['nodes'],
  context: Parameters<typeof viewMetric>[2],
): Measured {
  const entries = (['cpuPercent', 'memoryPercent', 'queueWaitMs'] as const).flatMap((metric) => {
    const { values } = viewMetric(samples, metric, context);
    return values.length === 0 ? [] : [[metric, Math.round(mean(values))] as const];
  });
  return Object.fromEntries(entries);
}
