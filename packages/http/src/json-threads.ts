import { type Clock, HybridStoreError, type Logger, programBeside, ThreadPool } from '@hybridstore/runtime';

export type CheckTask = {
  readonly bytes: SharedArrayBuffer;
  /** In the form that ajv compiles anywhere. */
  readonly schema?: { readonly name: string; readonly schema: object };
  readonly depthMax: number;
  readonly keepsNumbers: boolean;
};

const threads = 1;
const waitingMax = 64;
const answerMsMax = 30_000;
const heapMbMax = 512;
const stackMbMax = 4;
const smaller = { field: 'body', expected: 'a smaller body' };

/**
 * Large bodies are parsed and checked away from the main loop, which then parses what has turned out to fit its schema:
 * such a text costs little, whereas one of a few megabytes can be made to cost seconds.
 */
export class JsonThreads {
  readonly #threads: ThreadPool<CheckTask, true>;

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#threads = new ThreadPool({
      ...options,
      program: programBeside(import.meta.url, 'json-thread-main'),
      name: 'json',
      threads,
      waitingMax,
      answerMsMax,
      heapMbMax,
      stackMbMax,
      tooSlow: () =>
        new HybridStoreError('deadline_exceeded', `body: reading it took longer than ${answerMsMax} ms`, smaller),
      tooLarge: () => new HybridStoreError('invalid_request', 'body: needs too much memory to be read', smaller),
    });
  }

  /** `invalid_request` when the body is no JSON, or does not fit the schema. */
  async check(body: Buffer, task: Omit<CheckTask, 'bytes'>): Promise<void> {
    await this.#threads.run({ ...task, bytes: shareBytes(body) });
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}

/** A copy that a thread can read without another one. */
export function shareBytes(body: Buffer): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(body.length);
  new Uint8Array(shared).set(body);
  return shared;
}
