import { Counter, durationBucketsSeconds, Gauge, Histogram, type Registry } from '@hybridstore/runtime';
import type { QueryRunner } from '../domain/query-runner.ts';
import { readCpuSeconds, readMemoryBytes } from './process-usage.ts';

export type NodeMetrics = { readonly observeWait: (waitMs: number) => void };

/** Figures of one node for the autoscaler and for people. */
export function createNodeMetrics(registry: Registry, isPod: boolean): NodeMetrics {
  const registers = [registry];
  new Counter({
    name: 'hybridstore_node_cpu_seconds_total',
    help: 'CPU time of the node with its child processes',
    registers,
    collect() {
      this.reset();
      this.inc(readCpuSeconds(isPod));
    },
  });
  new Gauge({
    name: 'hybridstore_node_memory_bytes',
    help: 'Memory of the node with its child processes',
    registers,
    collect() {
      this.set(readMemoryBytes(isPod));
    },
  });
  const waits = new Histogram({
    name: 'hybridstore_query_wait_seconds',
    help: 'Time a query waited for its turn',
    buckets: durationBucketsSeconds,
    registers,
  });
  return { observeWait: (waitMs) => waits.observe(waitMs / 1_000) };
}

export function observeQueries(
  registry: Registry,
  queries: Pick<QueryRunner, 'running' | 'waiting' | 'grantedBytes'>,
): void {
  const registers = [registry];
  new Gauge({
    name: 'hybridstore_queries_running',
    help: 'Queries at work',
    registers,
    collect() {
      this.set(queries.running);
    },
  });
  new Gauge({
    name: 'hybridstore_queries_waiting',
    help: 'Queries that wait for their turn',
    registers,
    collect() {
      this.set(queries.waiting);
    },
  });
  new Gauge({
    name: 'hybridstore_query_memory_granted_bytes',
    help: 'Memory of the SQL executor that heavy statements were granted',
    registers,
    collect() {
      this.set(queries.grantedBytes);
    },
  });
}

export function observeWrites(registry: Registry, writes: { readonly waiting: number }): void {
  new Gauge({
    name: 'hybridstore_writes_waiting',
    help: 'Writes that wait for room',
    registers: [registry],
    collect() {
      this.set(writes.waiting);
    },
  });
}
