/** Metrics of the nodes that the autoscaler reads. CPU and memory are those of the whole pod, children included. */
export const nodeMetrics = {
  cpuSeconds: 'hybridstore_node_cpu_seconds_total',
  memoryBytes: 'hybridstore_node_memory_bytes',
  queueWaitSecondsSum: 'hybridstore_query_wait_seconds_sum',
  queueWaitSecondsCount: 'hybridstore_query_wait_seconds_count',
} as const;

/** Readings of one node at one time; counters since its start. */
export type NodeReading = {
  readonly atMs: number;
  readonly cpuSeconds: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly queueWaitSeconds: number | undefined;
  readonly queueWaits: number | undefined;
};
