import type { IncomingMessage, ServerResponse } from 'node:http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Caller } from './authorize.ts';

/** A body that nobody has taken yet. */
export type ArrivingBody = {
  readonly caller: Caller | undefined;
  readonly headers: IncomingMessage['headers'];
  /** As it came, unchecked. */
  readonly query: unknown;
  /** What it may hold of memory at most: its length, or the bound of its endpoint where that is not known. */
  readonly bytesMax: number;
  /** What is here of its bytes. */
  readonly head: Buffer;
  /** Aborted when the client leaves. Of a body beyond `wholeBytesMax` that shows only when it is read. */
  readonly signal: AbortSignal;
};

/**
 * Asked before a body of at least `bytesMin` is read, which may have to wait; refuses it by an error, and the body is thrown
 * away unread. What it gives is called once, when nobody works with the body any more.
 */
export type AdmitBody = {
  readonly bytesMin: number;
  readonly admit: (body: ArrivingBody) => Promise<() => void>;
};

/**
 * Bodies up to this come whole before they ask: who sends slowly holds no place, and the end of a connection, which is seen
 * only behind what it has sent, is seen.
 */
export const wholeBytesMax = 256 * 1024;
/** What a packed body usually unpacks to. */
const packedRatio = 8;

/** The place of a body that was let in: held by the exchange, and by whoever works with what came with it. */
export class BodyPlace {
  #holders = 1;
  #release: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  async during<T>(work: () => T | Promise<T>): Promise<T> {
    this.#holders += 1;
    try {
      return await work();
    } finally {
      this.drop();
    }
  }

  drop(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    // Who works on behind the end of the exchange gives nothing back a second time.
    this.#release?.();
    this.#release = undefined;
  }
}

/** What a body may take of memory; 0 for none, more than `bytesMax` for one that will be refused. */
export function bodyBytes({ headers }: IncomingMessage, bytesMax: number, isPacked: boolean): number {
  if (headers['transfer-encoding'] !== undefined) return bytesMax;
  const announced = Number(headers['content-length'] ?? 0);
  return isPacked && announced <= bytesMax ? Math.min(announced * packedRatio, bytesMax) : announced;
}

/** Waits until the body may be read. The place is dropped when the exchange is over. */
export async function admitBody(
  { raw: request, query }: { readonly raw: IncomingMessage; readonly query: unknown },
  { raw: response }: { readonly raw: ServerResponse },
  { admit, ...body }: Pick<ArrivingBody, 'caller' | 'bytesMax'> & Pick<AdmitBody, 'admit'>,
): Promise<BodyPlace> {
  const leaving = new AbortController();
  const leave = () => leaving.abort(clientLeft());
  response.once('close', leave);
  const { signal } = leaving;
  try {
    await awaitBytes(request, body.bytesMax, signal);
    const head = peek(request);
    const place = new BodyPlace(await admit({ ...body, headers: request.headers, query, head, signal }));
    dropWhenOver(request, response, place);
    return place;
  } catch (error) {
    // The connection goes on behind the answer, with what comes after this body.
    request.resume();
    throw error;
  } finally {
    response.off('close', leave);
  }
}

/** Resolves with the first byte, or the last where the body comes whole. */
function awaitBytes(request: IncomingMessage, bytesMax: number, signal: AbortSignal): Promise<void> {
  const isHere = () => request.complete !== false || (bytesMax > wholeBytesMax && request.readableLength > 0);
  return new Promise((resolve, reject) => {
    const stop = () => {
      request.off('readable', look);
      signal.removeEventListener('abort', leave);
    };
    const look = () => {
      if (isHere()) {
        stop();
        resolve();
        // To ask a stream for more than it has makes it take that much, and say so.
      } else if (bytesMax <= wholeBytesMax) request.read(bytesMax + 1);
    };
    const leave = () => {
      stop();
      reject(signal.reason);
    };
    request.on('readable', look);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    else look();
  });
}

/** What is here stays here. */
function peek(request: IncomingMessage): Buffer {
  const head: unknown = request.readableLength === 0 ? undefined : request.read(request.readableLength);
  if (!Buffer.isBuffer(head)) return Buffer.alloc(0);
  request.unshift(head);
  return head;
}

function dropWhenOver(request: IncomingMessage, response: ServerResponse, place: BodyPlace): void {
  let isHeld = true;
  const drop = () => {
    // It may have been refused since; see above.
    request.resume();
    if (isHeld) place.drop();
    isHeld = false;
  };
  if (response.closed) drop();
  response.once('finish', drop);
  response.once('close', drop);
}

/** Nobody reads the answer; it must not count as a fault of ours. */
function clientLeft(): HybridStoreError {
  return new HybridStoreError('invalid_request', 'body: the client left before it was read', { field: 'body' });
}
