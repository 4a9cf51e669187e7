import { Worker } from 'node:worker_threads';
import { AdmissionQueue, assert, type Clock, HybridStoreError, isErrorCode, type Logger } from '@hybridstore/runtime';
import type { ParseCall, ParseOutcome, ParseTask, SqlParser } from '../ports.ts';
import type { WorkerAnswer } from './worker-main.ts';

export type ParserPoolOptions = {
  readonly threads: number;
  readonly parsingMsMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
};

const waitingMax = 1_000;
const waitingPerTenantMax = 200;
/** The parsers' memory and stack: 64 KB of text fits well, and a statement that does not ends its thread, not the process. */
const resourceLimits = { maxOldGenerationSizeMb: 512, stackSizeMb: 8 };

/**
 * Parses in threads, so that no statement holds up another request, and each within a time limit: a thread that does not
 * answer in time is ended and replaced.
 */
export class ParserPool implements SqlParser {
  readonly #options: ParserPoolOptions;
  readonly #queue: AdmissionQueue;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  constructor(options: ParserPoolOptions) {
    this.#options = options;
    this.#queue = new AdmissionQueue({
      runningMax: options.threads,
      runningPerTenantMax: options.threads,
      waitingMax,
      waitingPerTenantMax,
    });
  }

  /** Starts the threads; resolves when every one can parse. */
  async start(): Promise<void> {
    const workers = await Promise.all(Array.from({ length: this.#options.threads }, () => this.#open()));
    this.#idle.push(...workers);
  }

  async parse(task: ParseTask, { owner, signal }: ParseCall): Promise<ParseOutcome> {
    const { clock, logger } = this.#options;
    const admission = await this.#queue.admit(owner, signal);
    const startedMs = clock.monotonicMs();
    try {
      const worker = this.#idle.pop() ?? (await this.#open());
      const answer = await this.#ask(worker, task);
      this.#idle.push(worker);
      return readAnswer(answer, logger);
    } finally {
      admission.release(clock.monotonicMs() - startedMs);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #open(): Promise<Worker> {
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    const worker = new Worker(new URL(`./worker-main${extension}`, import.meta.url), { resourceLimits });
    this.#all.add(worker);
    worker.once('exit', () => {
      this.#all.delete(worker);
      const place = this.#idle.indexOf(worker);
      if (place >= 0) this.#idle.splice(place, 1);
    });
    return new Promise((resolve, reject) => {
      worker.once('message', () => resolve(worker));
      worker.once('error', reject);
    });
  }

  /** Rejects when the thread dies or the time is up; the thread is gone then. */
  #ask(worker: Worker, task: ParseTask): Promise<WorkerAnswer> {
    const { clock, parsingMsMax } = this.#options;
    return new Promise((resolve, reject) => {
      const cancelTimer = clock.schedule(parsingMsMax, () => fail(tooSlow(parsingMsMax)));
      const stop = () => {
        cancelTimer();
        worker.off('message', succeed);
        worker.off('error', crash);
        worker.off('exit', exit);
      };
      const succeed = (answer: WorkerAnswer) => {
        stop();
        resolve(answer);
      };
      const fail = (error: unknown) => {
        stop();
        void worker.terminate();
        reject(error);
      };
      const crash = (error: unknown) => fail(isOutOfMemory(error) ? tooLarge() : error);
      const exit = () => fail(new HybridStoreError('unavailable', 'the parser stopped', { retry_after_ms: 1_000 }));
      worker.on('message', succeed);
      worker.on('error', crash);
      worker.on('exit', exit);
      worker.postMessage(task);
    });
  }
}

function readAnswer(answer: WorkerAnswer, logger: Logger): ParseOutcome {
  if (answer.ok) return answer.outcome;
  assert(isErrorCode(answer.code), `a parser answered with the code ${answer.code}`);
  if (answer.code !== 'internal') throw new HybridStoreError(answer.code, answer.message, answer.details);
  logger.error('parser_failed', { cause: answer.details['cause'] });
  throw new HybridStoreError('internal', 'internal error', {}, { cause: answer.details['cause'] });
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function tooLarge(): HybridStoreError {
  return new HybridStoreError('invalid_request', 'query: the statement needs too much memory to be read', {
    field: 'query',
    expected: 'a smaller statement',
  });
}

function tooSlow(parsingMsMax: number): HybridStoreError {
  return new HybridStoreError('deadline_exceeded', `query: reading the statement took longer than ${parsingMsMax} ms`, {
    field: 'query',
    expected: 'a smaller statement',
  });
}
