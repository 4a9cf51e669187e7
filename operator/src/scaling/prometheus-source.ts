import { type Endpoint, publicAccess } from '@hybridstore/contracts';
import { type HttpClient, readAll } from '@hybridstore/http';
import { type Clock, HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import { nodeMetrics } from './node-metrics.ts';
import type { SampleRequest, SampleSource } from './ports.ts';
import type { NodeSample, Samples } from './samples.ts';

const queryEndpoint: Endpoint = {
  service: 'monitoring',
  method: 'GET',
  path: '/api/v1/query',
  summary: 'Instant query of Prometheus',
  access: publicAccess,
};

const queryMsMax = 5_000;
const answerBytesMax = 4 * 1024 * 1024;
/** Prometheus needs two samples within the window; four intervals forgive one that is late. */
const windowIntervals = 4;
const windowSecondsMin = 20;

export type PrometheusSourceOptions = {
  readonly url: string;
  readonly client: Pick<HttpClient, 'stream'>;
  readonly clock: Clock;
  /** Names that its relabelling gives to a pod's namespace and name. */
  readonly labels: { readonly namespace: string; readonly pod: string };
};

/** Asks Prometheus (HTTP API v1) for rates per pod. The age of a sample is that of the newest scrape behind it. */
export class PrometheusSource implements SampleSource {
  readonly #options: PrometheusSourceOptions;

  constructor(options: PrometheusSourceOptions) {
    this.#options = options;
  }

  async sample(request: SampleRequest): Promise<Samples> {
    try {
      return { kind: 'measured', nodes: await this.#measure(request) };
    } catch (error) {
      if (!isHybridStoreError(error)) throw error;
      return { kind: 'unavailable', message: `Prometheus: ${error.message}` };
    }
  }

  async #measure(request: SampleRequest): Promise<readonly NodeSample[]> {
    const queries = buildQueries(request, this.#options.labels);
    const [cpu, scraped, memory, wait] = await Promise.all([
      this.#query(queries.cpuCores),
      this.#query(queries.scrapedAt),
      this.#query(queries.memoryBytes),
      this.#query(queries.queueWaitSeconds),
    ]);
    const { clock } = this.#options;
    // Prometheus speaks in wall time; the decision judges ages on the monotonic clock.
    const toMonotonic = (seconds: number) => clock.monotonicMs() - (clock.now() - seconds * 1_000);
    return [...scraped].map(([pod, seconds]) => ({
      pod,
      sampledAtMs: toMonotonic(seconds),
      ...pick('cpuPercent', cpu.get(pod), 100 / request.cpuRequestCores),
      ...pick('memoryPercent', memory.get(pod), 100 / request.memoryLimitBytes),
      ...pick('queueWaitMs', wait.get(pod), 1_000),
    }));
  }

  async #query(query: string): Promise<ReadonlyMap<string, number>> {
    const { url, client, labels } = this.#options;
    const answer = await client.stream(url, queryEndpoint, { query: { query }, timeoutMs: queryMsMax });
    return readVector((await readAll(answer.body, answerBytesMax)).toString('utf8'), labels.pod);
  }
}

function pick<N extends string>(name: N, value: number | undefined, factor: number): { readonly [K in N]?: number } {
  return (value === undefined ? {} : { [name]: value * factor }) as { readonly [K in N]?: number }; // one key, by its name
}

/** Names come from the API server, where they are DNS labels: nothing in them needs quoting. */
export function buildQueries(request: SampleRequest, labels: PrometheusSourceOptions['labels']) {
  const selector = `{${labels.namespace}="${request.namespace}",${labels.pod}=~"hs-${request.tenantName}-[0-9]+"}`;
  const seconds = Math.max(windowSecondsMin, Math.ceil((windowIntervals * request.intervalMs) / 1_000));
  const by = `by (${labels.pod})`;
  const rateOf = (metric: string) => `sum ${by} (rate(${metric}${selector}[${seconds}s]))`;
  return {
    cpuCores: rateOf(nodeMetrics.cpuSeconds),
    scrapedAt: `max ${by} (timestamp(${nodeMetrics.cpuSeconds}${selector}))`,
    memoryBytes: `sum ${by} (${nodeMetrics.memoryBytes}${selector})`,
    queueWaitSeconds: `${rateOf(nodeMetrics.queueWaitSecondsSum)} / (${rateOf(nodeMetrics.queueWaitSecondsCount)} > 0) or 0 * ${rateOf(nodeMetrics.queueWaitSecondsCount)}`,
  } as const;
}

type Answer = {
  readonly status?: string;
  readonly error?: string;
  readonly data?: {
    readonly resultType?: string;
    readonly result?: readonly {
      readonly metric?: Readonly<Record<string, string>>;
      readonly value?: readonly [number, string];
    }[];
  };
};

/** Values of an instant vector by pod. Source: Prometheus HTTP API, "Expression query result formats". */
export function readVector(text: string, podLabel: string): ReadonlyMap<string, number> {
  const answer = parseAnswer(text);
  if (answer.status !== 'success' || answer.data?.resultType !== 'vector')
    throw new HybridStoreError('unavailable', answer.error ?? 'the answer is no instant vector');
  const values = new Map<string, number>();
  for (const { metric, value } of answer.data.result ?? []) {
    const pod = metric?.[podLabel];
    if (pod !== undefined && value !== undefined) values.set(pod, Number(value[1]));
  }
  return values;
}

function parseAnswer(text: string): Answer {
  try {
    return JSON.parse(text) as Answer; // each field is checked where it is used
  } catch (cause) {
    throw new HybridStoreError('unavailable', 'the answer is no JSON', {}, { cause });
  }
}
