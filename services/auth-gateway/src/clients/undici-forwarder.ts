import type { ServerResponse } from 'node:http';
import { createAgent, isUnknownHost, unknownTenant, wasNothingSent } from '@hybridstore/http';
import {
  type Clock,
  HybridStoreError,
  isHybridStoreError,
  type PlaceBounds,
  Places,
  retryLater,
} from '@hybridstore/runtime';
import type { Agent } from 'undici';
import type { FailureLabel, GatewayMetrics } from '../gateway-metrics.ts';
import type { AnswerHead, CallOwners, ForwardCall, Forwarder } from '../ports.ts';
import { type AnswerEnd, AnswerHandler } from './answer-handler.ts';
import { type RequestBody, takeRequestBody } from './request-body.ts';

const callsPerOriginMax = 2_048;
const uploadsPerOriginMax = 512;
/** Calls that a service works for: their bodies, if they have any, are here. */
const callsBounds: CallBounds = {
  total: 8_192,
  each: { origin: callsPerOriginMax, tenant: 1_024, address: 512, user: 256 },
};
/** Calls whose large bodies go on while they come. Their clients could keep them for long, so they have places of their own. */
const uploadsBounds: CallBounds = {
  total: 1_024,
  each: { origin: uploadsPerOriginMax, tenant: 256, address: 256, user: 128 },
};
/** As many connections as calls: none waits in a line that nobody sees. */
const connectionsPerOriginMax = callsPerOriginMax + uploadsPerOriginMax;
const attemptsMax = 3;
/** Of calls that reached nobody: addresses may be those of pods that are gone, for as long as it takes every machine to hear of it. */
const unreachedAttemptsMax = 8;
const retryDelayMs = 50;
const retryDelayMsMax = 200;
const retryAfterMs = 1_000;
/** Statements may run long; their own time-out at the operation node is the shorter one. */
const answerMsMax = 900_000;

type CallBounds = PlaceBounds<'origin' | keyof CallOwners>;

/**
 * A call takes its place when its body is here: who withholds bodies holds none, and one user, tenant, address or service
 * leaves places to the others.
 *
 * Forwards over pooled connections. A call is repeated when no connection came about (nothing was sent), or when it only
 * reads and no byte of an answer has come; never with a streamed body, which is gone then.
 */
export class UndiciForwarder implements Forwarder {
  readonly #agent: Agent;
  readonly #clock: Clock;
  readonly #metrics: GatewayMetrics;
  readonly #calls: Places<keyof CallBounds['each']>;
  readonly #uploads: Places<keyof CallBounds['each']>;

  constructor(options: {
    readonly clock: Clock;
    readonly metrics: GatewayMetrics;
    readonly hostsFile?: string | undefined;
    readonly bounds?: { readonly calls: CallBounds; readonly uploads: CallBounds };
  }) {
    const { calls, uploads } = options.bounds ?? { calls: callsBounds, uploads: uploadsBounds };
    this.#agent = createAgent({ hostsFile: options.hostsFile, connectionsPerOriginMax });
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#calls = new Places('calls under way', calls);
    this.#uploads = new Places('large bodies under way', uploads);
  }

  async forward(call: ForwardCall, open: (head: AnswerHead) => ServerResponse): Promise<void> {
    let leave = () => {};
    try {
      const body = await takeRequestBody(call.request, call.bodyBytesMax);
      leave = this.#enter(call, body.kind === 'stream' ? this.#uploads : this.#calls);
      await this.#tryUntilAnswered(call, body, open);
    } finally {
      leave();
      // What nobody wants any more must still be taken off the connection, or the next request on it never comes.
      call.request.resume();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #tryUntilAnswered(
    call: ForwardCall,
    body: RequestBody,
    open: (head: AnswerHead) => ServerResponse,
  ): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const end = await this.#send(call, body, open);
      // Once an answer has begun there is nothing left to say: a torn one was torn in front of the client.
      if (end === undefined || end.isOpen) return;
      if (!this.#mayRepeat(call, body, end.error, attempt)) throw this.#describe(call, end.error);
      await this.#clock.sleep(Math.min(retryDelayMs * attempt, retryDelayMsMax), call.signal);
    }
  }

  #send(call: ForwardCall, body: RequestBody, open: (head: AnswerHead) => ServerResponse): Promise<AnswerEnd> {
    const headers =
      body.kind === 'stream' && body.bytes !== undefined
        ? { ...call.headers, 'content-length': String(body.bytes) }
        : call.headers;
    return new Promise((resolve) => {
      this.#agent.dispatch(
        {
          origin: call.baseUrl,
          path: call.path,
          method: call.method,
          headers,
          body: body.kind === 'none' ? null : body.kind === 'whole' ? body.bytes : body.stream,
          headersTimeout: answerMsMax,
          bodyTimeout: answerMsMax,
        },
        new AnswerHandler(call.signal, open, resolve),
      );
    });
  }

  #mayRepeat(call: ForwardCall, body: RequestBody, error: unknown, attempt: number): boolean {
    if (body.kind === 'stream' || call.signal.aborted) return false;
    if (wasNothingSent(error)) return attempt < unreachedAttemptsMax;
    return attempt < attemptsMax && call.isRepeatable && isBrokenConnection(error);
  }

  #describe(call: ForwardCall, error: unknown): unknown {
    if (call.signal.aborted) return call.signal.reason;
    if (isHybridStoreError(error)) return error;
    if (call.tenantId !== undefined && isUnknownHost(error)) return unknownTenant(call.tenantId);
    const reason = failureOf(error);
    this.#metrics.upstreamFailures.inc({ upstream: call.service, reason });
    if (reason === 'timeout')
      return new HybridStoreError('deadline_exceeded', `${call.service} did not answer in time`, {
        service: call.service,
        timeout_ms: answerMsMax,
      });
    const said = reason === 'unreachable' ? 'cannot be reached' : 'broke the connection';
    const { message, details } = retryLater('unavailable', `${call.service} ${said}`, retryAfterMs, {
      service: call.service,
    });
    return new HybridStoreError('unavailable', message, details, { cause: error });
  }

  #enter(call: ForwardCall, places: Places<keyof CallBounds['each']>): () => void {
    try {
      return places.take({ ...call.owners, origin: call.baseUrl });
    } catch (error) {
      this.#metrics.upstreamFailures.inc({ upstream: call.service, reason: 'overloaded' });
      throw error;
    }
  }
}

const brokenCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
const timeoutCodes: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function isBrokenConnection(error: unknown): boolean {
  return brokenCodes.has(codeOf(error));
}

function failureOf(error: unknown): FailureLabel {
  if (wasNothingSent(error)) return 'unreachable';
  return timeoutCodes.has(codeOf(error)) ? 'timeout' : 'broken';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
