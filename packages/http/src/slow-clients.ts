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
type Windows = { readonly coming: Window; readonly going: Window };

export type SlowClient = 'slow_body' | 'slow_reader';

/**
 * Ends exchanges whose client is too slow: one whose body hardly comes (408), and one that hardly takes its answer, behind
 * which a service may hold a query open. Only time in which the client is the slow side counts: a body that nobody here
 * takes yet, and an answer that has nothing to send, wait for us. Looked at by one sweep, which opens the windows of what
 * it finds: most exchanges are over before it comes, and cost nothing.
 */
export class SlowClients {
  readonly #clock: Clock;
  readonly #paces: ClientPaces;
  readonly #onEnd: (client: SlowClient) => void;
  readonly #underWay: () => Iterable<ServerResponse>;
  #windows = new Map<ServerResponse, Windows>();
  #cancelSweep: (() => void) | undefined;

  /** `underWay`: answers that are not over, or whose requests are not. */
  constructor(
    clock: Clock,
    underWay: () => Iterable<ServerResponse>,
    onEnd: (client: SlowClient) => void = () => {},
    paces: ClientPaces = pacesDefault,
  ) {
    this.#clock = clock;
    this.#underWay = underWay;
    this.#onEnd = onEnd;
    this.#paces = paces;
  }

  /** To be called when an exchange begins. */
  noteRequest(): void {
    this.#cancelSweep ??= this.#clock.schedule(sweepMs, () => this.#sweep());
  }

  close(): void {
    this.#cancelSweep?.();
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    const known = this.#windows;
    this.#windows = new Map();
    for (const response of this.#underWay()) {
      const windows = known.get(response) ?? this.#openWindows(response);
      if (this.#isPatient(response, windows)) this.#windows.set(response, windows);
    }
    if (this.#windows.size > 0) this.noteRequest();
  }

  #openWindows(response: ServerResponse): Windows {
    const sinceMs = this.#clock.monotonicMs();
    return {
      coming: { bytes: response.req.socket.bytesRead, sinceMs },
      going: { bytes: takenBy(response), sinceMs },
    };
  }

  /** False when the exchange is over, or was ended. */
  #isPatient(response: ServerResponse, { coming, going }: Windows): boolean {
    const { req: request } = response;
    const { socket } = request;
    if (socket.destroyed || (response.closed && request.complete)) return false;
    if (this.#isSlow(coming, socket.bytesRead, isAwaited(request), this.#paces.body)) {
      this.#onEnd('slow_body');
      refuseOnSocket(socket, slowRequest);
      return false;
    }
    if (this.#isSlow(going, takenBy(response), isUntaken(response), this.#paces.answer)) {
      this.#onEnd('slow_reader');
      socket.destroy();
      return false;
    }
    return true;
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
