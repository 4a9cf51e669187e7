import { type Endpoint, publicAccess } from '@hybridstore/contracts';
import { type HttpClient, readAll } from '@hybridstore/http';
import { type Clock, isHybridStoreError, LruCache } from '@hybridstore/runtime';
import { sumMetrics } from './exposition.ts';
import { type NodeReading, nodeMetrics } from './node-metrics.ts';
import type { SampleRequest, SampleSource } from './ports.ts';
import type { NodeSample, Samples } from './samples.ts';

export const metricsEndpoint: Endpoint = {
  service: 'tenant-node',
  method: 'GET',
  path: '/metrics',
  summary: 'Metrics of a process',
  access: publicAccess,
  produces: ['text/plain'],
};

const scrapeMsMax = 5_000;
const bodyBytesMax = 8 * 1024 * 1024;
const nodesMax = 100_000;
const wanted = new Set<string>(Object.values(nodeMetrics));

/**
 * Reads the nodes' own /metrics, for where there is no Prometheus. A rate needs two readings, so a node gives its first
 * sample at the second reading; a counter that went back (the node restarted) gives none.
 */
export class ScrapeSource implements SampleSource {
  readonly #client: Pick<HttpClient, 'stream'>;
  readonly #clock: Clock;
  readonly #last = new LruCache<string, NodeReading>(nodesMax);

  constructor(client: Pick<HttpClient, 'stream'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async sample(request: SampleRequest): Promise<Samples> {
    const readings = await Promise.all(request.nodes.map((node) => this.#read(node.url)));
    const reached = readings.filter((reading) => reading !== undefined);
    if (reached.length === 0 && readings.length > 0)
      return { kind: 'unavailable', message: `none of ${readings.length} nodes answered with metrics` };
    const nodes = request.nodes.flatMap((node, index) => {
      const reading = readings[index];
      return reading === undefined ? [] : [this.#toSample(node.pod, node.url, reading, request)];
    });
    return { kind: 'measured', nodes };
  }

  /** Undefined when the node cannot be read: it is then missing from the samples, which holds the size. */
  async #read(url: string): Promise<NodeReading | undefined> {
    try {
      const answer = await this.#client.stream(url, metricsEndpoint, { timeoutMs: scrapeMsMax });
      const sums = sumMetrics((await readAll(answer.body, bodyBytesMax)).toString('utf8'), wanted);
      return {
        atMs: this.#clock.monotonicMs(),
        cpuSeconds: sums.get(nodeMetrics.cpuSeconds),
        memoryBytes: sums.get(nodeMetrics.memoryBytes),
        queueWaitSeconds: sums.get(nodeMetrics.queueWaitSecondsSum),
        queueWaits: sums.get(nodeMetrics.queueWaitSecondsCount),
      };
    } catch (error) {
      if (isHybridStoreError(error)) return undefined;
      throw error;
    }
  }

  #toSample(pod: string, url: string, now: NodeReading, request: SampleRequest): NodeSample {
    const before = this.#last.get(url);
    this.#last.set(url, now);
    return buildSample(pod, before, now, request);
  }
}

/** A sample from two readings of one node. Pure. */
export function buildSample(
  pod: string,
  before: NodeReading | undefined,
  now: NodeReading,
  request: Pick<SampleRequest, 'cpuRequestCores' | 'memoryLimitBytes'>,
): NodeSample {
  const cores = rate(before?.cpuSeconds, now.cpuSeconds, before?.atMs, now.atMs);
  const waitMs = computeWait(before, now);
  return {
    pod,
    sampledAtMs: now.atMs,
    ...(cores === undefined ? {} : { cpuPercent: (100 * cores) / request.cpuRequestCores }),
    ...(now.memoryBytes === undefined ? {} : { memoryPercent: (100 * now.memoryBytes) / request.memoryLimitBytes }),
    ...(waitMs === undefined ? {} : { queueWaitMs: waitMs }),
  };
}

function rate(
  before: number | undefined,
  now: number | undefined,
  beforeMs: number | undefined,
  nowMs: number,
): number | undefined {
  if (before === undefined || now === undefined || beforeMs === undefined || nowMs <= beforeMs) return undefined;
  return now < before ? undefined : (now - before) / ((nowMs - beforeMs) / 1_000);
}

/** Mean wait since the reading before; no query at all waited for nothing. */
function computeWait(before: NodeReading | undefined, now: NodeReading): number | undefined {
  if (before?.queueWaits === undefined || before.queueWaitSeconds === undefined) return undefined;
  if (now.queueWaits === undefined || now.queueWaitSeconds === undefined) return undefined;
  const waits = now.queueWaits - before.queueWaits;
  if (waits < 0) return undefined;
  return waits === 0 ? 0 : (1_000 * (now.queueWaitSeconds - before.queueWaitSeconds)) / waits;
}
