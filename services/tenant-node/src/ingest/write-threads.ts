import type { EncoderSchema } from '@hybridstore/engine';
import { createBodyThreads, shareBytes } from '@hybridstore/http';
import { assert, type Clock, type Logger, programBeside, type ThreadPool } from '@hybridstore/runtime';
import type { LargeWrite, LargeWrites } from '../domain/ports.ts';
import { largeWritesMax } from './write-gate.ts';

type Held = { readonly id: number; readonly bytes: SharedArrayBuffer };
export type WriteTask =
  | ({ readonly kind: 'read' } & Held)
  | ({ readonly kind: 'encode'; readonly schema: EncoderSchema; readonly reservedBytes: number } & Held);
export type WriteAnswer =
  | {
      readonly kind: 'read';
      readonly sourceId: string;
      readonly batchId: string | undefined;
      readonly rows: number;
    }
  | { readonly kind: 'encoded'; readonly frame: Uint8Array<ArrayBuffer> };

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
    this.#writes += 1;
    const held = { id: this.#writes, bytes: shareBytes(body) };
    const read = await this.#threads.run({ kind: 'read', ...held });
    assert(read.kind === 'read', 'a thread answers what it was asked');
    const encode = async (schema: EncoderSchema, reservedBytes: number) => {
      const encoded = await this.#threads.run({ kind: 'encode', schema, reservedBytes, ...held });
      assert(encoded.kind === 'encoded', 'a thread answers what it was asked');
      return Buffer.from(encoded.frame.buffer);
    };
    return {
      source_id: read.sourceId,
      ...(read.batchId === undefined ? {} : { batch_id: read.batchId }),
      records: { length: read.rows, encode, body },
    };
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}
