import type { ServerResponse } from 'node:http';
import { bodyBytesMax } from '@hybridstore/contracts';
import { createAgent, isUnknownHost, unknownTenant, wasNothingSent } from '@hybridstore/http';
import { type Clock, HybridStoreError, isHybridStoreError, retryLater } from '@hybridstore/runtime';
import type { Agent } from 'undici';
import type { FailureLabel, GatewayMetrics } from '../gateway-metrics.ts';
import type { AnswerHead, ForwardCall, Forwarder } from '../ports.ts';
import { type AnswerEnd, AnswerHandler } from './answer-handler.ts';
import { type RequestBody, takeRequestBody } from './request-body.ts';
import { SlowReaders } from './slow-readers.ts';

/** As many connections as calls: none waits in a line that nobody sees. One more call is refused. */
const callsPerOriginMax = 1_024;
const attemptsMax = 3;
const retryDelayMs = 50;
const retryAfterMs = 1_000;
/** Statements may run long; their own time-out at the operation node is the shorter one. */
const answerMsMax = 900_000;

/**
 * Forwards over pooled connections. A call is repeated when no connection came about (nothing was sent), or when it only
 * reads and no byte of an answer has come; never with a streamed body, which is gone then.
 */
export class UndiciForwarder implements Forwarder {
  readonly #agent: Agent;
  readonly #clock: Clock;
  readonly #metrics: GatewayMetrics;
  readonly #slowReaders: SlowReaders;
  readonly #calls = new Map<string, number>();

  constructor(options: {
    readonly clock: Clock;
    readonly metrics: GatewayMetrics;
    readonly hostsFile?: string | undefined;
  }) {
    this.#agent = createAgent({ hostsFile: options.hostsFile, connectionsPerOriginMax: callsPerOriginMax });
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#slowReaders = new SlowReaders(options.clock);
  }

  async forward(call: ForwardCall, open: (head: AnswerHead) => ServerResponse): Promise<void> {
    this.#enter(call);
    try {
      const body = await takeRequestBody(call.request, bodyBytesMax);
      await this.#tryUntilAnswered(call, body, open);
    } finally {
      this.#leave(call);
      // What nobody wants any more must still be taken off the connection, or the next request on it never comes.
      call.request.resume();
    }
  }

  async close(): Promise<void> {
    this.#slowReaders.close();
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
      await this.#clock.sleep(retryDelayMs * attempt, call.signal);
    }
  }

  #send(call: ForwardCall, body: RequestBody, open: (head: AnswerHead) => ServerResponse): Promise<AnswerEnd> {
    const headers =
      body.kind === 'stream' && body.bytes !== undefined
        ? { ...call.headers, 'content-length': String(body.bytes) }
        : call.headers;
    const openWatched = (head: AnswerHead) => {
      const answer = open(head);
      this.#slowReaders.watch(answer);
      return answer;
    };
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
        new AnswerHandler(call.signal, openWatched, resolve),
      );
    });
  }

  #mayRepeat(call: ForwardCall, body: RequestBody, error: unknown, attempt: number): boolean {
    if (attempt >= attemptsMax || body.kind === 'stream' || call.signal.aborted) return false;
    return wasNothingSent(error) || (call.isRepeatable && isBrokenConnection(error));
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

  #enter(call: ForwardCall): void {
    const calls = this.#calls.get(call.baseUrl) ?? 0;
    if (calls >= callsPerOriginMax) {
      this.#metrics.upstreamFailures.inc({ upstream: call.service, reason: 'overloaded' });
      throw retryLater('overloaded', `${calls} calls of ${call.service} are under way already`, retryAfterMs);
    }
    this.#calls.set(call.baseUrl, calls + 1);
  }

  #leave(call: ForwardCall): void {
    const calls = (this.#calls.get(call.baseUrl) ?? 1) - 1;
    if (calls === 0) this.#calls.delete(call.baseUrl);
    else this.#calls.set(call.baseUrl, calls);
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
