import { type Clock, HybridStoreError, type Logger } from '@hybridstore/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from './authorize.ts';

/** What a route gets beside fastify's request. `caller` is absent on public endpoints without a token. */
export type CallContext = {
  readonly caller: Caller | undefined;
  readonly requestId: string;
  readonly logger: Logger;
  /** Aborted when the client goes away or the caller's `x-deadline-ms` has passed. */
  readonly signal: AbortSignal;
  /** Milliseconds that the caller leaves for the answer, when it said so. */
  readonly deadlineMs: number | undefined;
};

const deadlineMsMax = 3_600_000;

/** What costs something is made when it is asked for: most requests log nothing, and the quick ones watch for no end. */
export class RequestContext implements CallContext {
  readonly caller: Caller | undefined;
  readonly requestId: string;
  readonly deadlineMs: number | undefined;
  readonly #reply: FastifyReply;
  readonly #options: { readonly logger: Logger; readonly clock: Clock };
  #stop: AbortController | undefined;

  constructor(
    request: FastifyRequest,
    reply: FastifyReply,
    options: { readonly logger: Logger; readonly clock: Clock; readonly caller: Caller | undefined },
  ) {
    this.caller = options.caller;
    this.requestId = request.id;
    this.deadlineMs = readDeadline(request.headers['x-deadline-ms']);
    this.#reply = reply;
    this.#options = options;
    // Its time begins now, whoever asks when.
    if (this.deadlineMs !== undefined) this.#stop = this.#watch(this.deadlineMs);
  }

  get signal(): AbortSignal {
    this.#stop ??= this.#watch(undefined);
    return this.#stop.signal;
  }

  get logger(): Logger {
    const tenant = this.caller?.claims.tenant;
    return this.#options.logger.with({ request_id: this.requestId, ...(tenant === undefined ? {} : { tenant }) });
  }

  #watch(deadlineMs: number | undefined): AbortController {
    const stop = new AbortController();
    const cancelDeadline =
      deadlineMs === undefined
        ? undefined
        : this.#options.clock.schedule(deadlineMs, () => stop.abort(deadlineExceeded(deadlineMs)));
    const { raw: response } = this.#reply;
    const onClose = () => {
      cancelDeadline?.();
      if (!response.writableFinished) stop.abort(new HybridStoreError('unavailable', 'the client went away'));
    };
    if (response.closed) onClose();
    else response.once('close', onClose);
    return stop;
  }
}

function deadlineExceeded(deadlineMs: number): HybridStoreError {
  return new HybridStoreError('deadline_exceeded', `the caller's ${deadlineMs} ms have passed`, {
    timeout_ms: deadlineMs,
  });
}

function readDeadline(header: string | string[] | undefined): number | undefined {
  const value = Number(header);
  return header === undefined || !Number.isInteger(value) || value <= 0 ? undefined : Math.min(value, deadlineMsMax);
}
