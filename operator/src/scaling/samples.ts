/** What was measured on one node. Absent means not measured; the numbers may be anything a broken exporter sends. */
export type NodeSample = {
  readonly pod: string;
  /** Age is judged on the clock that also gives `nowMs` to the decision. */
  readonly sampledAtMs: number;
  /** Percent of the CPU request. */
  readonly cpuPercent?: number;
  /** Percent of the memory limit. */
  readonly memoryPercent?: number;
  /** Mean milliseconds that queries waited since the sample before. */
  readonly queueWaitMs?: number;
};

export type MetricName = 'cpuPercent' | 'memoryPercent' | 'queueWaitMs';

/** One round of measuring. `unavailable` says that the source itself did not answer. */
export type Samples =
  | { readonly kind: 'measured'; readonly nodes: readonly NodeSample[] }
  | { readonly kind: 'unavailable'; readonly message: string };

/** How much of a metric can be believed. */
export type MetricView = {
  /** Trusted values, one a node. */
  readonly values: readonly number[];
  /** Every node that has run gave a trusted value. */
  readonly isComplete: boolean;
};

const staleIntervals = 2;

/**
 * Values that may be believed: finite, not negative, not older than two intervals, not from the future by more than
 * one, of a node that is ready. A node that has run and gave none makes the view incomplete.
 */
export function viewMetric(
  samples: readonly NodeSample[],
  metric: MetricName,
  context: {
    readonly readyPods: ReadonlySet<string>;
    readonly measurable: number;
    readonly nowMs: number;
    readonly intervalMs: number;
  },
): MetricView {
  const newest = new Map<string, number>();
  for (const sample of samples) {
    const value = sample[metric];
    if (!context.readyPods.has(sample.pod) || value === undefined) continue;
    if (!Number.isFinite(value) || value < 0 || !isFresh(sample, context)) continue;
    newest.set(sample.pod, value);
  }
  return { values: [...newest.values()], isComplete: newest.size > 0 && newest.size >= context.measurable };
}

function isFresh(sample: NodeSample, context: { readonly nowMs: number; readonly intervalMs: number }): boolean {
  const ageMs = context.nowMs - sample.sampledAtMs;
  return ageMs <= staleIntervals * context.intervalMs && ageMs >= -context.intervalMs;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
