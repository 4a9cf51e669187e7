import type { ErrorCode, ResultColumn } from '@hybridstore/contracts';
import { assert, HybridStoreError } from '@hybridstore/runtime';
import type { FreshRange, StatementRequest } from '../domain/executor-port.ts';

/**
 * Words between a node and its executor child, over one duplex pipe. A message on the wire:
 *
 *   u32le bytes of what follows │ u32le bytes of the header │ header (JSON) │ payload (bytes)
 *
 * Order is kept: a `run` sees every `load` that was sent before it. Row pieces are paid for by credits, so that a slow
 * reader of one query neither fills memory nor holds up the others.
 */
export type ToChild =
  /**
   * Payload: every frame of one source and log with `afterLsn` < LSN ≤ `untilLsn` that is acknowledged, in LSN order.
   * Frames the child already holds are skipped.
   */
  | ({ readonly kind: 'load'; readonly source: string } & FreshRange)
  | ({ readonly kind: 'run' } & Statement)
  | { readonly kind: 'credit'; readonly query: number; readonly pieces: number }
  | { readonly kind: 'cancel'; readonly query: number }
  /** No query uses the source any more: its fresh tables are dropped. */
  | { readonly kind: 'forget'; readonly source: string };

export type FromChild =
  | { readonly kind: 'ready' }
  /** The first thing a query that works answers with, before any row. */
  | { readonly kind: 'started'; readonly query: number; readonly columns: readonly ResultColumn[] }
  /** Payload: text of `rows` rows, joined by the statement's separator. */
  | { readonly kind: 'rows'; readonly query: number; readonly rows: number }
  | { readonly kind: 'ended'; readonly query: number; readonly rows: number; readonly freshRows: number }
  | { readonly kind: 'failed'; readonly query: number; readonly failure: Failure }
  /** The child cannot go on (frames that do not decode, a broken database); it ends after this. */
  | { readonly kind: 'broken'; readonly message: string };

/** `view_gone`: the fresh rows of the statement's view were dropped meanwhile; a newer view has to be taken. */
export type Failure = {
  readonly code: ErrorCode | 'view_gone' | 'interrupted';
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** The engine's own words, for the log only. */
  readonly internal?: string;
};

export type Statement = { readonly query: number } & StatementRequest;

/** A frame is at most a request body turned columnar; a piece of rows may exceed its aim by one vector of long rows. */
export const messageBytesMax = 256 * 1024 * 1024;
const prefixBytes = 8;

export function encodeMessage(header: ToChild | FromChild, payload: Uint8Array = empty): readonly Uint8Array[] {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.allocUnsafe(prefixBytes);
  const bytes = 4 + json.length + payload.length;
  assert(bytes <= messageBytesMax, `a message of ${bytes} bytes exceeds ${messageBytesMax}`);
  prefix.writeUInt32LE(bytes, 0);
  prefix.writeUInt32LE(json.length, 4);
  const head = Buffer.concat([prefix, json]);
  return payload.length === 0 ? [head] : [head, payload];
}
const empty = new Uint8Array(0);

export type Message<T> = { readonly header: T; readonly payload: Buffer };

/** Cuts a byte stream into messages. Copies only what crosses chunk borders. */
export class MessageReader<T> {
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** Messages that are complete with `chunk`. Throws `corrupt` when a length is out of bounds. */
  push(chunk: Buffer): Message<T>[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const messages: Message<T>[] = [];
    for (let need = this.#needed(); this.#bytes >= need; need = this.#needed()) {
      if (this.#bytes < prefixBytes) break;
      messages.push(decodeMessage<T>(this.#take(need)));
    }
    return messages;
  }

  #needed(): number {
    if (this.#bytes < prefixBytes) return prefixBytes;
    const first = this.#chunks[0];
    if (first === undefined || first.length < prefixBytes) this.#chunks = [Buffer.concat(this.#chunks)];
    const bytes = this.#chunks[0]?.readUInt32LE(0) ?? 0;
    if (bytes < 4 || bytes > messageBytesMax)
      throw new HybridStoreError('corrupt', `executor message of ${bytes} bytes is out of bounds`);
    return 4 + bytes;
  }

  #take(bytes: number): Buffer {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#chunks);
    const rest = all.subarray(bytes);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return all.subarray(0, bytes);
  }
}

function decodeMessage<T>(message: Buffer): Message<T> {
  const headerBytes = message.readUInt32LE(4);
  if (headerBytes > message.length - prefixBytes)
    throw new HybridStoreError('corrupt', `executor message header of ${headerBytes} bytes is out of bounds`);
  const payload = message.subarray(prefixBytes + headerBytes);
  // Both ends are this program in the same version; the shape is checked by their types.
  return { header: JSON.parse(message.toString('utf8', prefixBytes, prefixBytes + headerBytes)) as T, payload };
}
