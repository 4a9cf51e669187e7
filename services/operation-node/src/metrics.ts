import {
  type AdmissionQueue,
  Counter,
  durationBucketsSeconds,
  Gauge,
  Histogram,
  type Registry,
} from '@hybridstore/runtime';
import type { QueryMetrics } from './ports.ts';

export function createQueryMetrics(registry: Registry, queue: AdmissionQueue): QueryMetrics {
  addGauges(registry, queue);
  const registers = [registry];
  const stages = new Histogram({
    name: 'hybridstore_query_stage_seconds',
    help: 'Time of a query in each stage',
    labelNames: ['stage'],
    buckets: durationBucketsSeconds,
    registers,
  });
  const queries = new Counter({
    name: 'hybridstore_queries_total',
    help: 'Queries by how they ended',
    labelNames: ['outcome'],
    registers,
  });
  const rejections = new Counter({
    name: 'hybridstore_queries_rejected_total',
    help: 'Queries refused because too many were waiting',
    registers,
  });
  const fallbacks = new Counter({
    name: 'hybridstore_queries_not_optimized_total',
    help: 'Queries that ran as parsed because the optimizer gave no plan in time',
    registers,
  });
  return {
    observeStage: (stage, ms) => stages.observe({ stage }, ms / 1_000),
    countQuery: (outcome) => queries.inc({ outcome }),
    countFallback: () => fallbacks.inc(),
    countRejection: () => rejections.inc(),
  };
}

/** Label values are the tenants that have a query now, hence bounded by the queue. */
function addGauges(registry: Registry, queue: AdmissionQueue): void {
  const addGauge = (name: string, help: string, read: (load: { running: number; waiting: number }) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['tenant'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [tenant, load] of queue.loads()) this.set({ tenant }, read(load));
      },
    });
  addGauge('hybridstore_queries_waiting', 'Queries waiting for a place', (load) => load.waiting);
  addGauge('hybridstore_queries_running', 'Queries that have a place', (load) => load.running);
}
