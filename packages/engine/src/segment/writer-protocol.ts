import type { Column, FileStatistics } from '@hybridstore/contracts';

/**
 * What the main process and its writer child say to each other. A request on the child's standard input: u32 bytes of the
 * JSON header · u32 bytes of the body (little-endian) · header · body. An answer on descriptor 3: one JSON object a line.
 */
export type WriteRequest = {
  readonly kind: 'write';
  readonly id: number;
  readonly target: SegmentTarget;
  /** The body: log frames, one after the other. */
  readonly rows: number;
};

export type MergeRequest = {
  readonly kind: 'merge';
  readonly id: number;
  readonly target: SegmentTarget;
  /** Absolute paths of segments of one partition value. */
  readonly paths: readonly string[];
  readonly rows: number;
  readonly bytes: number;
  readonly partition: Readonly<Record<string, string | null>>;
};

/** The body: NDJSON rows of a checkpoint. */
export type CheckpointRequest = {
  readonly kind: 'checkpoint';
  readonly id: number;
  readonly columns: Readonly<Record<string, string>>;
};

export type WriterRequest = WriteRequest | MergeRequest | CheckpointRequest;

export type SegmentTarget = {
  /** Absolute folder of the table. */
  readonly folder: string;
  readonly filePrefix: string;
  readonly columns: readonly Column[];
  readonly partitionColumns: readonly string[];
  readonly sortColumns: readonly string[];
  readonly compression: 'snappy' | 'zstd' | 'gzip' | 'none';
  readonly fileBytesMax: number;
};

export type WriterAnswer =
  | { readonly id: number; readonly ok: true; readonly files: readonly FileStatistics[] }
  | { readonly id: number; readonly ok: true; readonly path: string }
  | { readonly id: number; readonly ok: false; readonly message: string };

/** Descriptor of the answers, so that nothing a library prints is taken for one. */
export const answerDescriptor = 3;
const lengthsBytes = 8;

export function encodeRequestHead(request: WriterRequest, bodyBytes: number): Buffer {
  const header = Buffer.from(JSON.stringify(request));
  const head = Buffer.alloc(lengthsBytes + header.length);
  head.writeUInt32LE(header.length, 0);
  head.writeUInt32LE(bodyBytes, 4);
  head.set(header, lengthsBytes);
  return head;
}

/** Whole requests out of a stream of bytes; what is cut off waits for the rest. */
export class RequestReader {
  #parts: Buffer[] = [];
  #bytes = 0;

  push(part: Buffer): { readonly request: WriterRequest; readonly body: Buffer }[] {
    this.#parts.push(part);
    this.#bytes += part.length;
    const requests: { request: WriterRequest; body: Buffer }[] = [];
    for (let next = this.#take(); next; next = this.#take()) requests.push(next);
    return requests;
  }

  #take(): { readonly request: WriterRequest; readonly body: Buffer } | undefined {
    if (this.#bytes < lengthsBytes) return undefined;
    const first = this.#peek(lengthsBytes);
    const headerEnd = lengthsBytes + first.readUInt32LE(0);
    const end = headerEnd + first.readUInt32LE(4);
    if (this.#bytes < end) return undefined;
    const all = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = all.length > end ? [all.subarray(end)] : [];
    this.#bytes = all.length - end;
    // The other end is our own parent process.
    const request = JSON.parse(all.toString('utf8', lengthsBytes, headerEnd)) as WriterRequest;
    return { request, body: all.subarray(headerEnd, end) };
  }

  #peek(count: number): Buffer {
    const first = this.#parts[0]!;
    return first.length >= count ? first : Buffer.concat(this.#parts).subarray(0, count);
  }
}
