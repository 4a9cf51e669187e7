import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@hybridstore/runtime';
import { refuseOnSocket, slowRequest } from './socket-answer.ts';

/** `bytesMin` must move in every `windowMs`; the last part of a body or an answer may be less. */
export type Pace = { readonly windowMs: number; readonly bytesMin: number };
export type ClientPaces = { readonly body: Pace; readonly answer: Pace };

/**
 * Of those who call a service directly. Lenient, because most are services that pass on what a slower client sends and
 * takes: the edge has to be the one that ends him.
 */
const pacesDefault: ClientPaces = {
  body: { windowMs: 30_000, bytesMin: 80 * 1024 },
  answer: { windowMs: 300_000, bytesMin: 60 * 1024 },
};
const sweepMs = 2_000;

/** A window that is open: where it began. */
type Window = { bytes: number; sinceMs: number };
type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly coming: Window;
  readonly going: Window;
};

export type SlowClient = 'slow_body' | 'slow_reader';

/**
 * Ends exchanges whose client is too slow: one whose body hardly comes (408), and one that hardly takes its answer, behind
 * which a service may hold a query open. Only time in which the client is the slow side counts: a body that nobody here
 * takes yet, and an answer that has nothing to send, wait for us. One sweep for all instead of a timer each, because most
 * exchanges are over before a timer would matter.
 */
export class SlowClients {
  readonly #clock: Clock;
  readonly #paces: ClientPaces;
  readonly #onEnd: (client: SlowClient) => void;
  readonly #open = new Set<Exchange>();
  #cancelSweep: (() => void) | undefined;

  constructor(clock: Clock, onEnd: (client: SlowClient) => void = () => {}, paces: ClientPaces = pacesDefault) {
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.#paces = paces;
  }

  watch(request: IncomingMessage, response: ServerResponse): void {
    const sinceMs = this.#clock.monotonicMs();
    const exchange: Exchange = {
      request,
      response,
      coming: { bytes: request.socket.bytesRead, sinceMs },
      going: { bytes: takenBy(response), sinceMs },
    };
    this.#open.add(exchange);
    // An answer may be over long before the body that came with its request.
    const settle = () => {
      if (request.complete || request.destroyed || request.socket.destroyed) this.#forget(exchange);
    };
    response.once('close', settle);
    this.#cancelSweep ??= this.#clock.schedule(sweepMs, () => this.#sweep());
  }

  close(): void {
    this.#cancelSweep?.();
  }

  #forget(exchange: Exchange): void {
    this.#open.delete(exchange);
    if (this.#open.size > 0) return;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
  }

  #sweep(): void {
    this.#cancelSweep = this.#clock.schedule(sweepMs, () => this.#sweep());
    for (const exchange of this.#open) this.#judge(exchange);
  }

  #judge(exchange: Exchange): void {
    const { request, response, coming, going } = exchange;
    const { socket } = request;
    if (socket.destroyed || (response.closed && request.complete)) this.#forget(exchange);
    else if (this.#isSlow(coming, socket.bytesRead, isAwaited(request), this.#paces.body)) {
      this.#forget(exchange);
      this.#onEnd('slow_body');
      refuseOnSocket(socket, slowRequest);
    } else if (this.#isSlow(going, takenBy(response), isUntaken(response), this.#paces.answer)) {
      this.#forget(exchange);
      this.#onEnd('slow_reader');
      socket.destroy();
    }
  }

  #isSlow(window: Window, bytes: number, isClientsTurn: boolean, pace: Pace): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (!isClientsTurn || bytes - window.bytes >= pace.bytesMin) Object.assign(window, { bytes, sinceMs: nowMs });
    return nowMs - window.sinceMs >= pace.windowMs;
  }
}

/** Whether more of the body is to come and somebody here takes it as it comes. */
function isAwaited(request: IncomingMessage): boolean {
  return !request.complete && request.readableFlowing === true && request.readableLength === 0;
}

/** Whether bytes of the answer wait for the client; without them the service is thinking. */
function isUntaken(response: ServerResponse): boolean {
  return !response.closed && (response.socket?.writableLength ?? 0) > 0;
}

/** Bytes that the client's connection has taken so far: written to the socket, less what still waits in it. */
function takenBy(response: ServerResponse): number {
  return (response.socket?.bytesWritten ?? 0) - (response.socket?.writableLength ?? 0);
}
