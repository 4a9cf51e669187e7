import type { Samples } from './samples.ts';

/** Where measurements come from: Prometheus, or the nodes' own /metrics. */
export interface SampleSource {
  /** Never throws: a source that does not answer is a measurement, too. */
  sample(request: SampleRequest): Promise<Samples>;
}

export type SampleRequest = {
  readonly namespace: string;
  readonly tenantName: string;
  /** Ready nodes with their addresses. */
  readonly nodes: readonly { readonly pod: string; readonly url: string }[];
  /** Cores that a node is promised. */
  readonly cpuRequestCores: number;
  /** Bytes that a node may use. */
  readonly memoryLimitBytes: number;
  readonly intervalMs: number;
};
