import { performance } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, Registry };

/** Buckets in seconds, from 0.5 ms to 30 s. */
export const durationBucketsSeconds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** A registry of one process, with Node's own process metrics. Names begin with `hybridstore_`; label values are bounded sets. */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  for (const figure of sampledLags) registry.removeSingleMetric(`nodejs_eventloop_lag_${figure}_seconds`);
  countUtilization(registry);
  return registry;
}

/** Percentiles of the event loop's lag come from a timer of ten milliseconds, which alone keeps an idle process at 1 % of a core. */
const sampledLags = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'] as const;
const neverMs = 3_600_000;

/** What Node counts anyway says as much: a loop that is busy all the time answers late. */
function countUtilization(registry: Registry): void {
  let last = performance.eventLoopUtilization();
  new Gauge({
    name: 'nodejs_eventloop_utilization_ratio',
    help: 'Share of the time since it was asked last in which the event loop was at work, 0 to 1.',
    registers: [registry],
    collect() {
      const now = performance.eventLoopUtilization();
      this.set(performance.eventLoopUtilization(now, last).utilization);
      last = now;
    },
  });
}
