import { Worker } from 'node:worker_threads';
import { assert } from '../assert.ts';
import type { Clock } from '../clock.ts';
import { HybridStoreError, isErrorCode, retryLater } from '../errors.ts';
import type { Logger } from '../log.ts';
import { Semaphore } from '../semaphore.ts';
import type { ThreadAnswer } from './serve-thread.ts';

export type ThreadPoolOptions = {
  /** A program that calls `serveThread`. */
  readonly program: string;
  /** For the log. */
  readonly name: string;
  readonly threads: number;
  readonly waitingMax: number;
  readonly answerMsMax: number;
  readonly heapMbMax: number;
  readonly stackMbMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What a task is answered that takes longer than `answerMsMax`, or more memory than `heapMbMax`. */
  readonly tooSlow: () => HybridStoreError;
  readonly tooLarge: () => HybridStoreError;
};

/** A task whose caller has left may still end within this, which spares the start of another thread. */
const leftMsMax = 500;

/**
 * What may take long, in threads, so that no caller's work holds up another's: each task within a time limit and a bound
 * of memory. A thread that passes one of them, or works on for a caller who has left, is ended and replaced; the process
 * goes on.
 */
export class ThreadPool<Task, Value> {
  readonly #options: ThreadPoolOptions;
  readonly #places: Semaphore;
  readonly #idle: Worker[] = [];
  /** Tasks that have a place and no thread yet: fewer than there are places. */
  readonly #waiting: PromiseWithResolvers<Worker>[] = [];
  readonly #all = new Set<Worker>();
  #isClosed = false;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#places = new Semaphore({ running: options.threads, waiting: options.waitingMax });
  }

  /** Threads that run or start. */
  get size(): number {
    return this.#all.size;
  }

  /** Starts a first thread, and resolves when it can work. Others start when tasks wait for one. */
  async start(): Promise<void> {
    this.#free(await this.#open());
  }

  /** Rejects with the signal's reason when the task is given up. */
  run(task: Task, signal?: AbortSignal): Promise<Value> {
    return this.#places.run(async () => {
      const worker = this.#idle.pop() ?? (await this.#wait());
      const answer = await this.#ask(worker, task, signal);
      this.#free(worker);
      return this.#read(answer);
    }, signal);
  }

  /** Whichever comes first: a thread that has ended its task, or a new one. */
  #wait(): Promise<Worker> {
    const turn = Promise.withResolvers<Worker>();
    this.#waiting.push(turn);
    this.#grow();
    return turn.promise;
  }

  #grow(): void {
    if (this.#isClosed || this.#all.size >= this.#options.threads) return;
    this.#open().then(
      (worker) => this.#free(worker),
      (error: unknown) => this.#waiting.shift()?.reject(error),
    );
  }

  #free(worker: Worker): void {
    const turn = this.#waiting.shift();
    if (turn) turn.resolve(worker);
    else this.#idle.push(worker);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const turn of this.#waiting.splice(0)) turn.reject(this.#stopped());
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #open(): Promise<Worker> {
    const { program, heapMbMax, stackMbMax } = this.#options;
    const worker = new Worker(program, {
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax, stackSizeMb: stackMbMax },
    });
    this.#all.add(worker);
    worker.once('exit', () => {
      this.#all.delete(worker);
      const place = this.#idle.indexOf(worker);
      if (place >= 0) this.#idle.splice(place, 1);
      if (this.#waiting.length > 0) this.#grow();
    });
    return new Promise((resolve, reject) => {
      worker.once('message', () => resolve(worker));
      worker.once('error', reject);
      // Ended by `close` before it could work.
      worker.once('exit', () => reject(this.#stopped()));
    });
  }

  /** Rejects when the thread dies or the time is up; the thread is gone then. */
  #ask(worker: Worker, task: Task, signal: AbortSignal | undefined): Promise<ThreadAnswer<Value>> {
    const { clock, answerMsMax, tooSlow, tooLarge } = this.#options;
    return new Promise((resolve, reject) => {
      let cancelTimer = clock.schedule(answerMsMax, () => fail(tooSlow()));
      const leave = () => {
        cancelTimer();
        cancelTimer = clock.schedule(leftMsMax, () => fail(signal?.reason));
      };
      const stop = () => {
        cancelTimer();
        signal?.removeEventListener('abort', leave);
        worker.off('message', succeed);
        worker.off('error', crash);
        worker.off('exit', exit);
      };
      const succeed = (answer: ThreadAnswer<Value>) => {
        stop();
        resolve(answer);
      };
      const fail = (error: unknown) => {
        stop();
        void worker.terminate();
        reject(error);
      };
      const crash = (error: unknown) => fail(isOutOfMemory(error) ? tooLarge() : error);
      const exit = () => fail(this.#stopped());
      worker.on('message', succeed);
      worker.on('error', crash);
      worker.on('exit', exit);
      if (signal?.aborted) leave();
      else signal?.addEventListener('abort', leave, { once: true });
      worker.postMessage(task);
    });
  }

  #stopped(): HybridStoreError {
    return retryLater('unavailable', `the thread of ${this.#options.name} stopped`, 1_000);
  }

  #read(answer: ThreadAnswer<Value>): Value {
    if (answer.ok) return answer.value;
    assert(isErrorCode(answer.code), `a thread answered with the code ${answer.code}`);
    if (answer.code !== 'internal') throw new HybridStoreError(answer.code, answer.message, answer.details);
    this.#options.logger.error('thread_failed', { thread: this.#options.name, cause: answer.details['cause'] });
    throw new HybridStoreError('internal', 'internal error', {}, { cause: answer.details['cause'] });
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
