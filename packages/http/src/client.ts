import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { BodyOf, Endpoint, ErrorBody, ParamsOf, QueryOf, ResponseOf, Sent } from '@hybridstore/contracts';
import { assert, HybridStoreError, isErrorCode, LruCache, retryLater } from '@hybridstore/runtime';
import { Agent, type Dispatcher } from 'undici';
import { CallEnd } from './call-end.ts';
import { answerCodings } from './compressed-answers.ts';
import { HostsFile } from './hosts-file.ts';

const connectionsPerOriginDefault = 128;
const answerBytesMax = 256 * 1024 * 1024;
/** Beside each other in a cluster; a pod that is gone refuses nothing, and another one behind the same address may be there. */
const connectMsDefault = 1_000;
const callMsDefault = 30_000;
/** Base URLs that are known in their parts: those of the services, and of the tenants that are called. */
const basesMax = 1_024;

/** What every call may say, whatever its endpoint. */
export type CallSettings = {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly requestId?: string;
  /**
   * The whole call must end within this; travels to the receiver as `x-deadline-ms`. 30 s when absent. Infinity: for as long
   * as the receiver works, which its caller then watches or ends by `signal`.
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

/** A body that its sender has as JSON already, in place of the value. */
type WrittenBody = { readonly json: Uint8Array; readonly body?: never };

/** What an endpoint takes: required where its schemas require it, refused where it has none. */
export type CallInput<E extends Endpoint> = Given<'params', ParamsOf<E>, Nothing> &
  Given<'query', QueryOf<E>, Nothing> &
  (Given<'body', BodyOf<E>, undefined> | WrittenBody);
type Nothing = Record<never, unknown>;

/** One part of the input; it may be left out where `Absent`, what the receiver then sees, is a value of it. */
type Given<Name extends string, Value, Absent> = [Value] extends [undefined]
  ? { readonly [Key in Name]?: never }
  : Absent extends Value
    ? { readonly [Key in Name]?: Sent<Value> }
    : { readonly [Key in Name]: Sent<Value> };

export type CallOptions<E extends Endpoint> = CallSettings & CallInput<E>;
export type CallArguments<E extends Endpoint> =
  Nothing extends CallInput<E> ? readonly [options?: CallOptions<E>] : readonly [options: CallOptions<E>];

type AnyOptions = CallOptions<Endpoint> & { readonly json?: Uint8Array };

/** A base URL, with a path that ends without a slash. */
type Base = { readonly origin: string; readonly host: string; readonly path: string };

/** An answer and the name under which its receiver knows it. */
export type Named<T> = { readonly value: T; readonly etag: string | undefined };

export type StreamAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
  /** Headers that came behind the body; none before it has ended. */
  readonly trailers: Readonly<Record<string, string>>;
};

export type HttpClientOptions = {
  readonly hostsFile?: string | undefined;
  /** Connections to one origin at a time; 128 when absent. */
  readonly connectionsPerOriginMax?: number;
  /** Longest wait for a connection, with the look for its name and TLS; 1 s when absent. */
  readonly connectMsMax?: number;
  /** For a way that costs more than the work of both ends. */
  readonly asksForCompressed?: boolean;
};

/** Pooled keep-alive connections between services, names looked up in the hosts file first. Without time-outs of its own but connecting. */
export function createAgent(options: HttpClientOptions = {}): Agent {
  const hosts = options.hostsFile === undefined ? undefined : new HostsFile(options.hostsFile);
  return new Agent({
    connections: options.connectionsPerOriginMax ?? connectionsPerOriginDefault,
    pipelining: 1,
    connect: { timeout: options.connectMsMax ?? connectMsDefault, ...(hosts ? { lookup: hosts.lookup } : {}) },
    bodyTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 4_000,
  });
}

/**
 * Calls endpoints of the contracts over pooled connections. An error answer becomes the HybridStoreError it carries, a
 * refused or broken connection `unavailable`, a time-out `deadline_exceeded`. It never retries: only the caller knows
 * what is safe to repeat.
 */
export class HttpClient {
  readonly #agent: Agent;
  readonly #lookup: LookupFunction;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #bases = new LruCache<string, Base>(basesMax);

  constructor(options: HttpClientOptions = {}) {
    this.#agent = createAgent(options);
    this.#lookup = options.hostsFile === undefined ? systemLookup : new HostsFile(options.hostsFile).lookup;
    this.#headers = options.asksForCompressed ? { 'accept-encoding': answerCodings.join(', ') } : {};
  }

  /** The JSON answer of an endpoint, as its receiver promises it: only a caller that distrusts the receiver checks the schema again. */
  call<E extends Endpoint>(baseUrl: string, endpoint: E, ...options: CallArguments<E>): Promise<ResponseOf<E>>;
  async call(baseUrl: string, endpoint: Endpoint, options: AnyOptions = {}): Promise<unknown> {
    return this.#exchange(baseUrl, endpoint, options, readJson);
  }

  /** The same of an endpoint whose answers have an ETag; undefined where it is still the one under the name that is given. */
  async callIfChanged<E extends Endpoint>(
    baseUrl: string,
    endpoint: E,
    etag: string | undefined,
    ...[options]: CallArguments<E>
  ): Promise<Named<ResponseOf<E>> | undefined>;
  async callIfChanged(
    baseUrl: string,
    endpoint: Endpoint,
    etag: string | undefined,
    options: AnyOptions = {},
  ): Promise<Named<unknown> | undefined> {
    const headers = { ...options.headers, ...(etag === undefined ? {} : { 'if-none-match': etag }) };
    return this.#exchange(baseUrl, endpoint, { ...options, headers }, async (answer, host) => {
      const bytes = await readAll(answer.body, answerBytesMax);
      if (answer.status === 304) return undefined;
      const { etag: name } = answer.headers;
      return { value: parseAnswer(bytes, host), etag: typeof name === 'string' ? name : undefined };
    });
  }

  /** The answer as a stream of bytes, after its status was a success. The caller consumes or destroys `body`. */
  stream<E extends Endpoint>(baseUrl: string, endpoint: E, ...options: CallArguments<E>): Promise<StreamAnswer>;
  async stream(baseUrl: string, endpoint: Endpoint, options: AnyOptions = {}): Promise<StreamAnswer> {
    return this.#exchange(baseUrl, endpoint, options, streamOf);
  }

  /** The time-out and the caller's signal hold until `read` has what it wants of the answer. */
  async #exchange<T>(
    baseUrl: string,
    endpoint: Endpoint,
    options: AnyOptions,
    read: (answer: StreamAnswer, host: string) => T | Promise<T>,
  ): Promise<T> {
    const { origin, host, path } = this.#baseOf(baseUrl);
    const timeoutMs = options.timeoutMs ?? callMsDefault;
    const end = new CallEnd(timeoutMs, options.signal);
    let body: Readable | undefined;
    try {
      const answer = await this.#agent.request({
        origin,
        path: path + buildPath(endpoint.path, options),
        method: endpoint.method,
        headers: { ...this.#headers, ...buildHeaders(options, timeoutMs) },
        body: writtenBody(options),
        signal: end.signal ?? null,
      });
      body = answer.body;
      const unpacked = unpackAnswer(answer);
      if (unpacked.status >= 400) throw await readError(unpacked, host);
      return await read(unpacked, host);
    } catch (error) {
      throw describeFailure(error, { host, timeoutMs, isLate: end.isLate, caller: options.signal });
    } finally {
      // A stream goes on behind the call, and so does what may end it.
      if (body === undefined || body.closed) end.release();
      else body.once('close', () => end.release());
    }
  }

  #baseOf(baseUrl: string): Base {
    const known = this.#bases.get(baseUrl);
    if (known) return known;
    const { origin, host, pathname } = new URL(baseUrl);
    const base = { origin, host, path: pathname.replace(/\/$/, '') };
    this.#bases.set(baseUrl, base);
    return base;
  }

  /** All addresses of a host, where it is the name of several processes. None of a name that is not there. */
  async addressesOf(host: string): Promise<readonly string[]> {
    try {
      return await new Promise((resolve, reject) => {
        this.#lookup(host, { all: true }, (error, addresses) => {
          if (error) reject(error);
          else resolve(typeof addresses === 'string' ? [addresses] : addresses.map(({ address }) => address));
        });
      });
    } catch (cause) {
      if (isNobody(cause)) return [];
      const { message, details } = retryLater('unavailable', `${host} cannot be looked up`, 1_000, { host });
      throw new HybridStoreError('unavailable', message, details, { cause });
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** The resolver says that nobody has the name, in contrast to one that gives no answer (EAI_AGAIN). */
function isNobody(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOTFOUND', 'ECONNREFUSED'].includes(String(error.code));
}

/** A coding that was not asked for stays, and what it codes is no JSON. */
function unpackAnswer({ statusCode: status, headers, body, trailers }: Dispatcher.ResponseData): StreamAnswer {
  const { 'content-encoding': coding, 'content-length': _, ...others } = headers;
  const unpacker = coding === 'zstd' ? createZstdDecompress() : coding === 'gzip' ? createGunzip() : undefined;
  if (!unpacker) return { status, headers, body, trailers };
  // Whoever reads what comes out gets every error.
  return { status, headers: others, body: pipeline(body, unpacker, () => {}), trailers };
}

async function readJson({ body }: StreamAnswer, host: string): Promise<unknown> {
  return parseAnswer(await readAll(body, answerBytesMax), host);
}

function streamOf(answer: StreamAnswer): StreamAnswer {
  return answer;
}

function writtenBody({ body, json }: AnyOptions): string | Uint8Array | null {
  return json ?? (body === undefined ? null : JSON.stringify(body));
}

/** A peer that answers a success without JSON is as good as away: another try may meet a sound one. */
function parseAnswer(bytes: Buffer, host: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const { message, details } = retryLater('unavailable', `${host} answered without JSON`, 1_000);
    throw new HybridStoreError('unavailable', message, details, { cause });
  }
}

/** The path of an endpoint with its parameters filled in, each as one encoded part. */
export function fillPath(template: string, params: Readonly<Record<string, string>> = {}): string {
  if (!template.includes(':')) return template;
  return template.replaceAll(/:([a-z_]+)/g, (_, name: string) => {
    const value = params[name];
    assert(value !== undefined && value !== '' && value !== '.' && value !== '..', `${template} needs ${name}`);
    return encodeURIComponent(value);
  });
}

function buildPath(template: string, options: AnyOptions): string {
  const path = fillPath(template, options.params);
  if (options.query === undefined) return path;
  const texts = Object.entries(options.query).map(([name, value]) => [name, String(value)]);
  const query = new URLSearchParams(texts).toString();
  return query === '' ? path : `${path}?${query}`;
}

function buildHeaders(options: AnyOptions, timeoutMs: number): Record<string, string> {
  return {
    accept: 'application/json',
    ...(Number.isFinite(timeoutMs) ? { 'x-deadline-ms': String(timeoutMs) } : {}),
    ...(options.body === undefined && options.json === undefined ? {} : { 'content-type': 'application/json' }),
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...(options.requestId === undefined ? {} : { 'x-request-id': options.requestId }),
    ...options.headers,
  };
}

async function readError(answer: StreamAnswer, host: string): Promise<HybridStoreError> {
  const text = (await readAll(answer.body, 1024 * 1024)).toString('utf8');
  const error = parseErrorBody(text);
  if (error) return new HybridStoreError(error.code, error.message, error.details);
  return new HybridStoreError('unavailable', `${host} answered ${answer.status}`, {
    status: answer.status,
    retry_after_ms: 1_000,
  });
}

function parseErrorBody(text: string): ErrorBody['error'] | undefined {
  try {
    // Of a peer of this platform; whoever else answers is recognized by the code.
    const { error } = JSON.parse(text) as Partial<ErrorBody>;
    return error && isErrorCode(error.code) ? error : undefined;
  } catch {
    // Not an answer of this platform (a proxy's page, a cut body): the caller reports the status instead.
    return undefined;
  }
}

function describeFailure(
  error: unknown,
  call: {
    readonly host: string;
    readonly timeoutMs: number;
    readonly isLate: boolean;
    readonly caller: AbortSignal | undefined;
  },
): unknown {
  if (error instanceof HybridStoreError) return error;
  const { host } = call;
  if (call.caller?.aborted) return call.caller.reason;
  if (call.isLate)
    return new HybridStoreError(
      'deadline_exceeded',
      `${host} did not answer within ${call.timeoutMs} ms`,
      { timeout_ms: call.timeoutMs },
      { cause: error },
    );
  const wrapped = retryLater('unavailable', `${host} cannot be reached`, 1_000, { host });
  return new HybridStoreError('unavailable', wrapped.message, wrapped.details, { cause: error });
}

/**
 * Whether a call failed because nothing in the cluster has that name. The Service of a tenant is there as long as the tenant
 * is, whatever becomes of its nodes, so such a tenant does not exist.
 */
export function isUnknownHost(error: unknown): boolean {
  const cause = error instanceof HybridStoreError ? error.cause : error;
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOTFOUND';
}

export function unknownTenant(tenantId: string): HybridStoreError {
  return new HybridStoreError('not_found', `tenant ${tenantId} does not exist`, { tenant_id: tenantId });
}

/** Reads a body up to a bound; beyond it the body is destroyed and `too_large` thrown. */
export function readAll(body: Readable, bytesMax: number): Promise<Buffer> {
  // To iterate over a stream costs more than to listen to a short one.
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      reject(new HybridStoreError('too_large', `answer is larger than ${bytesMax} bytes`, { bytes_max: bytesMax }));
      body.destroy();
    });
    body.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    body.on('error', reject);
    // Behind an end or an error it says nothing new.
    const close = () => reject(body.errored ?? new Error('the answer broke off'));
    body.once('close', close);
    if (body.destroyed) close();
  });
}
