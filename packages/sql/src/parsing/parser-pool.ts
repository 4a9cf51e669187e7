import {
  AdmissionQueue,
  type Clock,
  HybridStoreError,
  type Logger,
  programBeside,
  ThreadPool,
} from '@hybridstore/runtime';
import type {
  DslOutcome,
  DslTask,
  LocateOutcome,
  LocateTask,
  ParseCall,
  ParseOutcome,
  ParseTask,
  SqlParser,
  TransformOutcome,
  TransformTask,
} from '../ports.ts';

export type Task =
  | { readonly kind: 'sql'; readonly task: ParseTask }
  | { readonly kind: 'locate'; readonly task: LocateTask }
  | { readonly kind: 'dsl'; readonly task: DslTask }
  | { readonly kind: 'transform'; readonly task: TransformTask };
type Outcome = ParseOutcome | LocateOutcome | DslOutcome | TransformOutcome;

export type ParserPoolOptions = {
  readonly threads: number;
  readonly parsingMsMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
};

const waitingMax = 1_000;
const waitingPerTenantMax = 200;
/** 64 KB of text fits well. */
const heapMbMax = 512;
const stackMbMax = 8;

/**
 * Parses in threads, so that no statement holds up another request, and each within a time limit: a thread that does not
 * answer in time is ended and replaced.
 */
export class ParserPool implements SqlParser {
  readonly #threads: ThreadPool<Task, Outcome>;
  readonly #queue: AdmissionQueue;
  readonly #clock: Clock;

  constructor({ parsingMsMax, ...options }: ParserPoolOptions) {
    this.#clock = options.clock;
    this.#queue = new AdmissionQueue({
      runningMax: options.threads,
      runningPerTenantMax: options.threads,
      waitingMax,
      waitingPerTenantMax,
    });
    this.#threads = new ThreadPool({
      ...options,
      program: programBeside(import.meta.url, 'worker-main'),
      name: 'parser',
      waitingMax,
      answerMsMax: parsingMsMax,
      heapMbMax,
      stackMbMax,
      tooSlow: () =>
        new HybridStoreError(
          'deadline_exceeded',
          `query: reading the statement took longer than ${parsingMsMax} ms`,
          smaller,
        ),
      tooLarge: () =>
        new HybridStoreError('invalid_request', 'query: the statement needs too much memory to be read', smaller),
    });
  }

  /** Starts a thread; resolves when it can parse. */
  start(): Promise<void> {
    return this.#threads.start();
  }

  parse(task: ParseTask, call: ParseCall): Promise<ParseOutcome> {
    return this.#run({ kind: 'sql', task }, call);
  }

  locate(task: LocateTask, call: ParseCall): Promise<LocateOutcome> {
    return this.#run({ kind: 'locate', task }, call);
  }

  compile(task: DslTask, call: ParseCall): Promise<DslOutcome> {
    return this.#run({ kind: 'dsl', task }, call);
  }

  transform(task: TransformTask, call: ParseCall): Promise<TransformOutcome> {
    return this.#run({ kind: 'transform', task }, call);
  }

  async #run<T extends Outcome>(task: Task, { owner, signal }: ParseCall): Promise<T> {
    const admission = await this.#queue.admit(owner, signal);
    const startedMs = this.#clock.monotonicMs();
    try {
      // A thread answers each kind of task with its own outcome.
      return (await this.#threads.run(task, signal)) as T;
    } finally {
      admission.release(this.#clock.monotonicMs() - startedMs);
    }
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}

const smaller = { field: 'query', expected: 'a smaller statement' };
