import { type ChildEnd, type Clock, type Logger, retryLater } from '@hybridstore/runtime';
import type { Executor } from '../domain/ports.ts';
import { ExecutorProcess, type ExecutorProcessOptions } from './executor-process.ts';

const restartMsMin = 50;
const restartMsMax = 5_000;
const readyMsMax = 10_000;

/**
 * One executor child at work and a warm one in reserve, so that a killed child costs its neighbours a reload of fresh
 * rows and not a start. Children that die before they are ready are started again with growing pauses.
 */
export class ExecutorPool implements Executor {
  readonly #options: ExecutorProcessOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #active: ExecutorProcess | undefined;
  #spare: ExecutorProcess | undefined;
  #restartMs = restartMsMin;
  #isClosed = false;

  constructor(options: ExecutorProcessOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#active = this.#spawn();
    // The start of a node is busy enough with one child.
    const fill = () => this.#fill();
    this.#active.ready.then(fill, fill);
  }

  get running(): number {
    return [this.#active, this.#spare].reduce((sum, child) => sum + (child?.running ?? 0), 0);
  }

  /** Process ids, for the node's CPU figure. */
  get pids(): readonly number[] {
    return [this.#active, this.#spare].map((child) => child?.pid).filter((pid) => pid !== undefined);
  }

  /** The child that takes statements, when it is ready. */
  get current(): ExecutorProcess | undefined {
    return this.#active;
  }

  async acquire(signal: AbortSignal): Promise<ExecutorProcess> {
    const deadlineMs = this.#clock.monotonicMs() + readyMsMax;
    while (!this.#isClosed && this.#clock.monotonicMs() < deadlineMs) {
      signal.throwIfAborted();
      const child = this.#active;
      if (child && (await becomesReady(child))) return child;
      await this.#clock.sleep(restartMsMin, signal);
    }
    throw retryLater('unavailable', 'the SQL executor is not ready', 1_000);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const children = [this.#active, this.#spare].filter((child) => child !== undefined);
    await Promise.all(children.map((child) => child.close()));
  }

  #spawn(): ExecutorProcess {
    const child = new ExecutorProcess(this.#options);
    void child.ready.then(
      () => {
        this.#restartMs = restartMsMin;
      },
      () => {
        this.#restartMs = Math.min(this.#restartMs * 2, restartMsMax);
      },
    );
    // Not before its folders are empty: two children never spill at once, and what one may spill is what a node may.
    void child.exited.then(async (end) => {
      await child.cleared;
      this.#replace(child, end);
    });
    return child;
  }

  #replace(child: ExecutorProcess, { exitCode, signal, error }: ChildEnd): void {
    if (this.#isClosed) return;
    // A child that was killed or ran into its limit is part of life; one that says it cannot go on is a fault of ours.
    const level = error.code === 'unavailable' ? 'warn' : 'error';
    this.#logger[level]('executor_exited', { pid: child.pid, exit_code: exitCode, signal, reason: error.message });
    if (child === this.#active) {
      this.#active = this.#spare;
      this.#spare = undefined;
    } else if (child === this.#spare) this.#spare = undefined;
    this.#clock.schedule(this.#restartMs, () => this.#fill());
  }

  #fill(): void {
    if (this.#isClosed) return;
    if (!this.#active) this.#active = this.#spawn();
    else this.#spare ??= this.#spawn();
    if (!this.#spare)
      this.#active.ready.then(
        () => this.#fill(),
        () => {},
      );
  }
}

async function becomesReady(child: ExecutorProcess): Promise<boolean> {
  try {
    await child.ready;
    return !child.isGone;
  } catch {
    // It died on the way up; the pool has another one coming.
    return false;
  }
}
