import type { Duplex } from 'node:stream';
import { HybridStoreError, toHybridStoreError } from '../errors.ts';
import { encodeHead, type Message, type MessageKind, MessageReader } from './message-codec.ts';

/** One byte array, or several that are sent as one payload, in order. They must not change afterwards. */
export type Payload = Uint8Array | readonly Uint8Array[];

export type PipeBounds = {
  /** Largest message that is sent or believed, prefix and header included. */
  readonly messageBytesMax: number;
  /** What may wait here because the other end does not read. Beyond it the pipe is given up. */
  readonly queuedBytesMax: number;
};

export interface PipeEvents {
  /** One message at a time: the next is handed over when the promise has resolved. An error gives the pipe up. */
  receive(message: Message): Promise<void> | void;
  /** Once, when nothing is received any more. Without a reason the other end left between two messages. */
  lost(reason: HybridStoreError | undefined): void;
}

/** Messages that wait for their receiver; beyond it nothing is read, so that the sender's end fills. */
const readAheadBytesMax = 16 * 1024 * 1024;
/** Smaller parts go out together: a system call for each would cost more than copying them. */
const gatheredBytes = 64 * 1024;

type Outgoing = { readonly parts: readonly Uint8Array[]; next: number };

/**
 * One end of the pipe between a parent and its child, the same at both.
 *
 *   send ─▶ queue (≤ queuedBytesMax) ─▶ socket ═══ pipe ═══ socket ─▶ read ahead (≤ 16 MiB and one message) ─▶ receive
 *
 * The socket is given parts as it takes them, so a large payload is never copied as a whole. A slow receiver makes this
 * end stop reading; an end that never reads makes the other one give up, by an error and not by memory.
 */
export class MessagePipe {
  readonly #stream: Duplex;
  readonly #bounds: PipeBounds;
  readonly #events: PipeEvents;
  readonly #reader: MessageReader;
  readonly #queue: Outgoing[] = [];
  readonly #received: Message[] = [];
  #queuedBytes = 0;
  #receivedBytes = 0;
  #isFull = false;
  #isReceiving = false;
  #isLost = false;
  #whenFlushed: (() => void) | undefined;

  constructor(stream: Duplex, bounds: PipeBounds, events: PipeEvents) {
    this.#stream = stream;
    this.#bounds = bounds;
    this.#events = events;
    this.#reader = new MessageReader(bounds.messageBytesMax);
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('drain', () => {
      this.#isFull = false;
      this.#flush();
    });
    // A write after the other end has gone; the end of the stream follows and says all there is to say.
    stream.on('error', () => {});
    stream.once('end', () => this.#end());
    stream.once('close', () => this.#end());
  }

  /** What the socket has not taken yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** `too_large`, and nothing is sent, for a message above the bound. A pipe that is lost takes everything and sends nothing. */
  send(kind: MessageKind, header: unknown, payload: Payload = []): void {
    const parts = payload instanceof Uint8Array ? [payload] : payload;
    const payloadBytes = parts.reduce((sum, part) => sum + part.length, 0);
    const head = encodeHead({ kind, header, payloadBytes }, this.#bounds.messageBytesMax);
    if (this.#isLost) return;
    this.#queuedBytes += head.length + payloadBytes;
    this.#queue.push({ parts: payloadBytes === 0 ? [head] : [head, ...parts], next: 0 });
    this.#flush();
    if (this.#queuedBytes > this.#bounds.queuedBytesMax) this.#lose(notRead(this.#queuedBytes, this.#bounds));
  }

  /** Runs `done` once everything that was sent has left this process, or never can. Nothing may be sent after it. */
  finish(done: () => void): void {
    this.#whenFlushed = done;
    this.#flush();
  }

  destroy(): void {
    this.#isLost = true;
    this.#stream.destroy();
  }

  #flush(): void {
    while (!this.#isFull && !this.#isLost) {
      const part = this.#nextPart();
      if (!part) break;
      this.#queuedBytes -= part.length;
      this.#isFull = !this.#stream.write(part);
    }
    if (this.#whenFlushed && (this.#isLost || this.#queue.length === 0)) this.#finishNow(this.#whenFlushed);
  }

  #finishNow(done: () => void): void {
    this.#whenFlushed = undefined;
    if (this.#isLost) done();
    else this.#stream.end(done);
  }

  #nextPart(): Uint8Array | undefined {
    const [outgoing] = this.#queue;
    if (!outgoing) return undefined;
    const from = outgoing.next;
    outgoing.next = endOfGathered(outgoing.parts, from);
    if (outgoing.next === outgoing.parts.length) this.#queue.shift();
    const parts = outgoing.parts.slice(from, outgoing.next);
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  #read(chunk: Buffer): void {
    if (this.#isLost) return;
    try {
      for (const message of this.#reader.push(chunk)) {
        this.#received.push(message);
        this.#receivedBytes += message.bytes;
      }
    } catch (error) {
      this.#lose(toHybridStoreError(error));
      return;
    }
    this.#deliver();
  }

  #deliver(): void {
    while (!this.#isReceiving) {
      const message = this.#received.shift();
      if (!message) break;
      this.#receivedBytes -= message.bytes;
      this.#hand(message);
    }
    if (this.#receivedBytes > readAheadBytesMax) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }

  #hand(message: Message): void {
    try {
      const pending = this.#events.receive(message);
      if (!pending) return;
      this.#isReceiving = true;
      pending.then(() => this.#goOn(), this.#refuse);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #goOn(): void {
    this.#isReceiving = false;
    this.#deliver();
  }

  readonly #refuse = (error: unknown): void => {
    this.#received.length = 0;
    this.#lose(error instanceof HybridStoreError ? error : receiverFailed(error));
  };

  #end(): void {
    const bytes = this.#reader.unfinishedBytes;
    this.#lose(bytes === 0 ? undefined : new HybridStoreError('corrupt', tornMessage(bytes), { bytes }));
  }

  #lose(reason: HybridStoreError | undefined): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#events.lost(reason);
    this.#flush();
  }
}

/** Where the parts that go out together from `from` on end: many small ones, or a single large one. */
function endOfGathered(parts: readonly Uint8Array[], from: number): number {
  let end = from;
  for (let bytes = 0; end < parts.length && bytes < gatheredBytes; end += 1) {
    const partBytes = parts[end]?.length ?? 0;
    if (end > from && partBytes >= gatheredBytes) break;
    bytes += partBytes;
  }
  return end;
}

function receiverFailed(cause: unknown): HybridStoreError {
  const message = `child process: what was received was refused: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new HybridStoreError('internal', message, {}, { cause });
}

function tornMessage(bytes: number): string {
  return `child process: the pipe ended ${bytes} bytes into a message`;
}

function notRead(actual: number, { queuedBytesMax }: PipeBounds): HybridStoreError {
  const message = `child process: ${actual} bytes wait for an end that does not read, expected at most ${queuedBytesMax}`;
  return new HybridStoreError('overloaded', message, { actual, expected_max: queuedBytesMax });
}
