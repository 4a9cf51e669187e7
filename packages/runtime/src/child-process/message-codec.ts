import { HybridStoreError } from '../errors.ts';

/**
 * What a parent and its child process say to each other, as bytes over one pipe. A message, little-endian:
 *
 *   0  "HC" · u8 version of this layout · u8 place of the kind in `messageKinds`
 *   4  u32 bytes of the header     8  u32 bytes of the payload     12  header (JSON) · payload (any bytes)
 *
 * The header is small and read as a whole; rows, frames and files travel as the payload, which nobody encodes again.
 */
export const messageKinds = ['hello', 'data', 'close', 'failure'] as const;
export type MessageKind = (typeof messageKinds)[number];

export type Message = {
  readonly kind: MessageKind;
  readonly header: unknown;
  /** As it came, in parts. */
  readonly payload: readonly Buffer[];
  /** Of the whole message. */
  readonly bytes: number;
};
type MessageLengths = { readonly kind: MessageKind; readonly headerBytes: number; readonly payloadBytes: number };

const prefixBytes = 12;
const layoutVersion = 1;
const magic = Buffer.from(['H'.charCodeAt(0), 'C'.charCodeAt(0), layoutVersion]);

/** Prefix and header of a message whose payload follows. `too_large` when the message exceeds `bytesMax`. */
export function encodeHead(
  message: { readonly kind: MessageKind; readonly header: unknown; readonly payloadBytes: number },
  bytesMax: number,
): Buffer {
  const header = Buffer.from(JSON.stringify(message.header));
  const bytes = prefixBytes + header.length + message.payloadBytes;
  if (bytes > bytesMax) throw outOfBounds('too_large', bytes, bytesMax);
  const head = Buffer.allocUnsafe(prefixBytes + header.length);
  head.set(magic, 0);
  head[3] = messageKinds.indexOf(message.kind);
  head.writeUInt32LE(header.length, 4);
  head.writeUInt32LE(message.payloadBytes, 8);
  head.set(header, prefixBytes);
  return head;
}

/** A payload in one piece, which costs a copy where it came in several. */
export function joinPayload(payload: readonly Buffer[]): Buffer {
  return payload.length === 1 ? payload[0]! : Buffer.concat(payload);
}

/** Cuts a byte stream into messages. Copies no payload. */
export class MessageReader {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of a message that has not come whole. */
  get unfinishedBytes(): number {
    return this.#bytes;
  }

  /** Messages that are complete with `chunk`. `corrupt` when the bytes are none, or announce more than the bound. */
  push(chunk: Buffer): Message[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const messages: Message[] = [];
    for (;;) {
      const lengths = this.#nextLengths();
      if (!lengths || this.#bytes < messageBytes(lengths)) return messages;
      const head = joinPayload(this.#take(prefixBytes + lengths.headerBytes));
      messages.push(decodeMessage(lengths, head, this.#take(lengths.payloadBytes)));
    }
  }

  #nextLengths(): MessageLengths | undefined {
    if (this.#bytes < prefixBytes) return undefined;
    const [first] = this.#chunks;
    if (first === undefined || first.length < prefixBytes) this.#chunks = [Buffer.concat(this.#chunks)];
    return readPrefix(this.#chunks[0] ?? empty, this.#bytesMax);
  }

  #take(bytes: number): Buffer[] {
    const taken: Buffer[] = [];
    this.#bytes -= bytes;
    for (let left = bytes; left > 0; ) {
      const chunk = this.#chunks[0]!;
      const part = chunk.subarray(0, left);
      taken.push(part);
      left -= part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    return taken;
  }
}
const empty = Buffer.alloc(0);

function messageBytes({ headerBytes, payloadBytes }: MessageLengths): number {
  return prefixBytes + headerBytes + payloadBytes;
}

function readPrefix(bytes: Buffer, bytesMax: number): MessageLengths {
  const kind = messageKinds[bytes.readUInt8(3)];
  if (!bytes.subarray(0, magic.length).equals(magic) || kind === undefined) {
    const found = bytes.toString('hex', 0, prefixBytes);
    throw new HybridStoreError('corrupt', `child process: expected a message, found the bytes ${found}`);
  }
  const lengths = { kind, headerBytes: bytes.readUInt32LE(4), payloadBytes: bytes.readUInt32LE(8) };
  if (messageBytes(lengths) > bytesMax) throw outOfBounds('corrupt', messageBytes(lengths), bytesMax);
  return lengths;
}

function decodeMessage(lengths: MessageLengths, head: Buffer, payload: readonly Buffer[]): Message {
  const { kind } = lengths;
  try {
    const header: unknown = JSON.parse(head.toString('utf8', prefixBytes));
    return { kind, header, payload, bytes: messageBytes(lengths) };
  } catch (cause) {
    throw new HybridStoreError('corrupt', `child process: the header of a ${kind} message is no JSON`, {}, { cause });
  }
}

function outOfBounds(code: 'corrupt' | 'too_large', actual: number, expectedMax: number): HybridStoreError {
  const message = `child process: a message of ${actual} bytes, expected at most ${expectedMax}`;
  return new HybridStoreError(code, message, { actual, expected_max: expectedMax });
}
