import { type Clock, type Logger, programBeside, type ThreadPool } from '@hybridstore/runtime';
import { createBodyThreads, shareBytes } from './body-threads.ts';

export type CheckTask = {
  readonly bytes: SharedArrayBuffer;
  /** In the form that ajv compiles anywhere. */
  readonly schema?: { readonly name: string; readonly schema: object };
  readonly depthMax: number;
  readonly keepsNumbers: boolean;
};

const waitingMax = 64;
const answerMsMax = 30_000;
const heapMbMax = 512;

/**
 * Large bodies are parsed and checked away from the main loop, which then parses what has turned out to fit its schema:
 * such a text costs little, whereas one of a few megabytes can be made to cost seconds.
 */
export class JsonThreads {
  readonly #threads: ThreadPool<CheckTask, true>;

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#threads = createBodyThreads({
      ...options,
      program: programBeside(import.meta.url, 'json-thread-main'),
      name: 'json',
      waitingMax,
      answerMsMax,
      heapMbMax,
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
