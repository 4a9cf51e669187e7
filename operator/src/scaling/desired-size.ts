import type { Autoscaling } from '@hybridstore/contracts';
import { type MetricName, type MetricView, mean, type NodeSample, viewMetric } from './samples.ts';

/** What one metric asks for. `up` and `hold` are lower bounds; only `down` allows fewer nodes. */
export type DesiredSize = {
  readonly metric: MetricName;
  readonly kind: 'up' | 'down' | 'hold' | 'unknown';
  readonly replicas: number;
  readonly message: string;
};

export type SizeContext = {
  readonly autoscaling: Autoscaling;
  readonly samples: readonly NodeSample[];
  readonly readyPods: ReadonlySet<string>;
  /** Nodes that are wanted now, ready or not. */
  readonly replicas: number;
  /** Of them those that have run. */
  readonly measurable: number;
  readonly nowMs: number;
  readonly intervalMs: number;
};

/** One desired size for every metric that the tenant scales by; CPU is always one of them. */
export function computeDesiredSizes(context: SizeContext): readonly DesiredSize[] {
  const { memory, queue } = context.autoscaling;
  return [
    sizeByCpu(context),
    ...(memory === undefined ? [] : [sizeByMemory(context, memory.scaleUpThreshold)]),
    ...(queue === undefined ? [] : [sizeByQueue(context, queue.scaleUpWaitMs)]),
  ];
}

/**
 * The thresholds are a dead band around their middle, which is the target: above the upper or below the lower one the
 * desired size is ceil(ready × mean / target), the formula of the horizontal pod autoscaler.
 */
function sizeByCpu(context: SizeContext): DesiredSize {
  const { scaleUpThresholdCPU: upper, scaleDownThresholdCPU: lower } = context.autoscaling;
  const view = viewMetric(context.samples, 'cpuPercent', context);
  if (view.values.length === 0) return unknown('cpuPercent', context, 'no trusted CPU sample');
  const percent = meanOverReady(view, context);
  const target = (upper + lower) / 2;
  const replicas = Math.ceil((context.readyPods.size * percent) / target);
  const shown = `CPU ${Math.round(percent)} % of the request over ${context.readyPods.size} ready nodes`;
  if (percent > upper) return up('cpuPercent', context, replicas, `${shown}, above ${upper} %`);
  if (!view.isComplete) return unknown('cpuPercent', context, `${shown}, but not every node was measured`);
  if (percent >= lower) return hold('cpuPercent', context, `${shown}, within ${lower} to ${upper} %`);
  return { metric: 'cpuPercent', kind: 'down', replicas, message: `${shown}, below ${lower} %` };
}

/** Memory never asks for fewer nodes than would carry it at the threshold. */
function sizeByMemory(context: SizeContext, threshold: number): DesiredSize {
  const view = viewMetric(context.samples, 'memoryPercent', context);
  if (view.values.length === 0) return unknown('memoryPercent', context, 'no trusted memory sample');
  const percent = meanOverReady(view, context);
  const replicas = Math.ceil((context.readyPods.size * percent) / threshold);
  const shown = `memory ${Math.round(percent)} % of the limit`;
  if (percent > threshold) return up('memoryPercent', context, replicas, `${shown}, above ${threshold} %`);
  if (!view.isComplete) return unknown('memoryPercent', context, `${shown}, but not every node was measured`);
  return { metric: 'memoryPercent', kind: 'down', replicas, message: `${shown}, at most ${threshold} %` };
}

const queueGrowthMax = 2;

/** A wait says that nodes are too few, not by how much, so growth by it is at most twofold at a time. */
function sizeByQueue(context: SizeContext, waitMsMax: number): DesiredSize {
  const view = viewMetric(context.samples, 'queueWaitMs', context);
  if (view.values.length === 0) return unknown('queueWaitMs', context, 'no trusted queue sample');
  const waitMs = meanOverReady(view, context);
  const replicas = Math.ceil(context.readyPods.size * Math.min(waitMs / waitMsMax, queueGrowthMax));
  const shown = `queries wait ${Math.round(waitMs)} ms`;
  if (waitMs > waitMsMax) return up('queueWaitMs', context, replicas, `${shown}, more than ${waitMsMax} ms`);
  if (!view.isComplete) return unknown('queueWaitMs', context, `${shown}, but not every node was measured`);
  return { metric: 'queueWaitMs', kind: 'down', replicas: 1, message: `${shown}, at most ${waitMsMax} ms` };
}

/** Ready nodes without a trusted value count as idle: what is missing can never ask for more. */
function meanOverReady(view: MetricView, context: SizeContext): number {
  return (mean(view.values) * view.values.length) / Math.max(context.readyPods.size, view.values.length);
}

/** More is never below what is there already, although fewer nodes may be ready. */
function up(metric: MetricName, context: SizeContext, replicas: number, message: string): DesiredSize {
  return { metric, kind: 'up', replicas: Math.max(replicas, context.replicas), message };
}

function hold(metric: MetricName, context: SizeContext, message: string): DesiredSize {
  return { metric, kind: 'hold', replicas: context.replicas, message };
}

function unknown(metric: MetricName, context: SizeContext, message: string): DesiredSize {
  return { metric, kind: 'unknown', replicas: context.replicas, message };
}

/** The largest wins; a metric that knows nothing holds the size. */
export function chooseDesiredSize(sizes: readonly DesiredSize[]): DesiredSize | undefined {
  return sizes.reduce<DesiredSize | undefined>(
    (best, size) => (best === undefined || size.replicas > best.replicas ? size : best),
    undefined,
  );
}
