import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import type { KubeConfig } from '@kubernetes/client-node';
import { type Dispatcher, errors, Pool } from 'undici';
import { errorFromAnswer, kubeError } from '../errors.ts';
import { Credentials, type Identity } from './credentials.ts';
import { readLines } from './lines.ts';
import type { RestClientMetrics } from './rest-client-metrics.ts';

/**
 * HTTP to the API server over undici pools of our own: one for requests, one for watches, which hold their connections.
 * Every answer that is no success becomes an error by errors.ts; a connection that breaks is `unavailable`, an answer
 * that does not come `deadline_exceeded`. Nothing is retried here: who asks knows whether asking again is safe.
 */
export type TransportRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
};

export type TransportOptions = {
  readonly config: KubeConfig;
  readonly clock: Clock;
  /** Sent as User-Agent, which the API server logs. */
  readonly userAgent: string;
  readonly metrics?: RestClientMetrics;
};

const requestConnectionsMax = 16;
/** Opened as needed: a watch of some 15 kinds in each of the namespaces that an operator may watch by name. */
const watchConnectionsMax = 256;
const answerMsMax = 30_000;
/** The largest list page of the largest objects we know stays far below. */
const answerBytesMax = 64 * 1024 * 1024;

type Pools = {
  readonly tlsId: string;
  readonly requests: Pool;
  readonly watches: Pool;
};

export class Transport {
  readonly #credentials: Credentials;
  readonly #origin: string;
  readonly #host: string;
  readonly #prefix: string;
  readonly #userAgent: string;
  readonly #metrics: RestClientMetrics | undefined;
  #pools: Pools | undefined;

  constructor({ config, clock, userAgent, metrics }: TransportOptions) {
    this.#credentials = new Credentials(config, clock);
    const url = new URL(this.#credentials.server);
    this.#origin = url.origin;
    this.#host = url.host;
    this.#prefix = url.pathname.replace(/\/$/, '');
    this.#userAgent = userAgent;
    this.#metrics = metrics;
  }

  /** The parsed body of a successful answer. */
  async request(request: TransportRequest): Promise<unknown> {
    const answer = await this.#send(request, 'requests');
    const text = await this.#guard(request.signal, () => readText(answer.body));
    if (answer.statusCode >= 400) throw this.#refusal(answer, text);
    return parseJson(text);
  }

  /** The lines of a successful answer as they come, until the server ends it or the signal aborts. */
  async *stream(request: TransportRequest): AsyncGenerator<string, void> {
    const answer = await this.#send(request, 'watches');
    if (answer.statusCode >= 400)
      throw this.#refusal(answer, await this.#guard(request.signal, () => readText(answer.body)));
    try {
      yield* readLines(answer.body);
    } catch (error) {
      throw translate(error, request.signal);
    } finally {
      answer.body.destroy();
    }
  }

  async close(): Promise<void> {
    const pools = this.#pools;
    this.#pools = undefined;
    await Promise.all([pools?.requests.close(), pools?.watches.destroy()]);
  }

  async #send(request: TransportRequest, kind: 'requests' | 'watches'): Promise<Dispatcher.ResponseData> {
    return this.#guard(request.signal, async () => {
      const identity = await this.#credentials.current();
      const answering = this.#poolsFor(identity)[kind].request({
        method: request.method,
        path: this.#prefix + request.path + formatQuery(request.query),
        headers: this.#headers(request, identity),
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        headersTimeout: answerMsMax,
        // A watch is silent while nothing happens; its reader cuts it when it is silent for too long.
        bodyTimeout: kind === 'watches' ? 0 : answerMsMax,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      return this.#counted(request.method, answering);
    });
  }

  async #counted(method: string, answering: Promise<Dispatcher.ResponseData>): Promise<Dispatcher.ResponseData> {
    let code = '<error>';
    try {
      const answer = await answering;
      code = String(answer.statusCode);
      return answer;
    } finally {
      this.#metrics?.requests.inc({ code, host: this.#host, method });
    }
  }

  #headers(request: TransportRequest, identity: Identity): Record<string, string> {
    const body = request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' };
    return { accept: 'application/json', 'user-agent': this.#userAgent, ...body, ...identity.headers };
  }

  /** New certificates need new connections; what runs on the old ones may finish. */
  #poolsFor({ tls, tlsId }: Identity): Pools {
    if (this.#pools?.tlsId === tlsId) return this.#pools;
    void this.#pools?.requests.close();
    void this.#pools?.watches.close();
    const open = (connections: number) =>
      new Pool(this.#origin, {
        connections,
        connect: { ...tls } as Pool.Options['connect'] & object, // client-node's options of node:https are undici's, too
        keepAliveTimeout: 30_000,
      });
    this.#pools = { tlsId, requests: open(requestConnectionsMax), watches: open(watchConnectionsMax) };
    return this.#pools;
  }

  #refusal({ statusCode, headers }: Dispatcher.ResponseData, text: string): HybridStoreError {
    if (statusCode === 401) this.#credentials.invalidate();
    return errorFromAnswer(statusCode, tryParseJson(text), readRetryAfterMs(headers['retry-after']));
  }

  async #guard<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw translate(error, signal);
    }
  }
}

function translate(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof HybridStoreError) return error;
  if (
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError
  ) {
    return new HybridStoreError('deadline_exceeded', 'the API server did not answer in time', {}, { cause: error });
  }
  return kubeError({
    reason: 'ServiceUnavailable',
    message: `the API server cannot be reached: ${error instanceof Error ? error.message : error}`,
    cause: error,
  });
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    // without an encoding a body is bytes
    bytes += chunk.length;
    if (bytes > answerBytesMax)
      throw new HybridStoreError('too_large', `an answer of the API server is larger than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw kubeError({ reason: 'ServiceUnavailable', message: 'expected JSON from the API server', cause });
  }
}

/** Proxies in front of an API server answer in HTML. */
function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the status code says enough
  }
}

/** Whole seconds; a date (which no API server sends) is left to the default. */
function readRetryAfterMs(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string' || !/^\d{1,6}$/.test(header)) return undefined;
  return Number(header) * 1_000;
}

function formatQuery(query: TransportRequest['query'] = {}): string {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  if (entries.length === 0) return '';
  return `?${new URLSearchParams(entries.map(([name, value]): [string, string] => [name, String(value)]))}`;
}
