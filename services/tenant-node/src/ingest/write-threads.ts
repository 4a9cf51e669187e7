import { ndjsonType } from '@hybridstore/contracts';
import type { EncoderSchema } from '@hybridstore/engine';
import { createBodyThreads, shareBytes } from '@hybridstore/http';
import {
  assert,
  type Clock,
  HybridStoreError,
  type Logger,
  programBeside,
  type ThreadPool,
} from '@hybridstore/runtime';
import type { LargeWrite, LargeWrites } from '../domain/ports.ts';
import { readNdjsonRows } from './ndjson-rows.ts';
import { largeWritesMax } from './write-gate.ts';

/** `type`: of the body, when it is no JSON. */
type Held = { readonly id: number; readonly bytes: SharedArrayBuffer; readonly type: string | undefined };
export type WriteTask =
  | ({ readonly kind: 'read' } & Held)
  | ({ readonly kind: 'encode'; readonly schema: EncoderSchema; readonly reservedBytes: number } & Held);
export type WriteAnswer =
  | {
      readonly kind: 'read';
      /** As the body names them; other types than JSON name none. */
      readonly sourceId: string | undefined;
      readonly batchId: string | undefined;
      readonly rows: number;
    }
  | { readonly kind: 'encoded'; readonly frame: Uint8Array<ArrayBuffer> };

/** Fewer cost less to read than to hand to a thread, where they would wait behind large writes. */
const smallLinesBytes = 16 * 1024;
const answerMsMax = 60_000;
const heapMbMax = 768;

/** Reads and encodes writes that are too large for the main loop. Only the encoded batch comes back. */
export class WriteThreads implements LargeWrites {
  readonly #threads: ThreadPool<WriteTask, WriteAnswer>;
  #writes = 0;

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#threads = createBodyThreads({
      ...options,
      program: programBeside(import.meta.url, 'write-thread-main'),
      name: 'write',
      waitingMax: largeWritesMax,
      answerMsMax,
      heapMbMax,
    });
  }

  async read(body: Buffer): Promise<LargeWrite> {
    const { sourceId, batchId, records } = await this.#read(body, undefined);
    assert(sourceId !== undefined, 'a body of JSON names its source');
    return { source_id: sourceId, ...(batchId === undefined ? {} : { batch_id: batchId }), records };
  }

  async readOther(body: Buffer, { type, query }: { type: string; query: unknown }): Promise<LargeWrite> {
    // What it says is checked with the rest of the query.
    const { source_id: sourceId } = query as { readonly source_id?: unknown };
    if (typeof sourceId !== 'string')
      throw new HybridStoreError('invalid_request', 'source_id: expected in the query beside a body that is no JSON', {
        field: 'source_id',
        expected: 'a source in the query',
      });
    if (type === ndjsonType && body.length <= smallLinesBytes) return readHere(sourceId, body);
    const { records } = await this.#read(body, type);
    return { source_id: sourceId, records: { ...records, type } };
  }

  async #read(body: Buffer, type: string | undefined) {
    this.#writes += 1;
    const held = { id: this.#writes, bytes: shareBytes(body), type };
    const read = await this.#threads.run({ kind: 'read', ...held });
    assert(read.kind === 'read', 'a thread answers what it was asked');
    const encode = async (schema: EncoderSchema, reservedBytes: number) => {
      const encoded = await this.#threads.run({ kind: 'encode', schema, reservedBytes, ...held });
      assert(encoded.kind === 'encoded', 'a thread answers what it was asked');
      return Buffer.from(encoded.frame.buffer);
    };
    return { sourceId: read.sourceId, batchId: read.batchId, records: { length: read.rows, encode, body } };
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}

function readHere(sourceId: string, body: Buffer): LargeWrite {
  const { rows, encode } = readNdjsonRows(body);
  const encodeHere = async (schema: EncoderSchema, reservedBytes: number) => encode(schema, reservedBytes);
  return { source_id: sourceId, records: { length: rows, encode: encodeHere, body, type: ndjsonType } };
}
