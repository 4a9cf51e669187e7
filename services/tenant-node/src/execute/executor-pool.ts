import { type ChildEnd, type Clock, type Logger, retryLater } from '@hybridstore/runtime';
import type { Executor } from '../domain/ports.ts';
import { ExecutorProcess, type ExecutorProcessOptions } from './executor-process.ts';

const restartMsMin = 50;
const restartMsMax = 5_000;
const readyMsMax = 10_000;
/** Behind the first statement, which has the processor for itself. */
export const spareAfterMs = 2_000;
/** A node that nobody asks keeps no second engine in memory. */
export const spareIdleMs = 300_000;

/**
 * One executor child at work and, while statements come, a warm one in reserve, so that a killed child costs its neighbours
 * a reload of fresh rows and not a start. Children that die before they are ready are started again with growing pauses.
 */
export class ExecutorPool implements Executor {
  readonly #options: ExecutorProcessOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #active: ExecutorProcess | undefined;
  #spare: ExecutorProcess | undefined;
  #restartMs = restartMsMin;
  #askedMs = Number.NEGATIVE_INFINITY;
  /** Ends the watch over whether statements come. None while none did for long. */
  #cancelWatch: (() => void) | undefined;
  /** The end of the last spare that was let go. */
  #let: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: ExecutorProcessOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#active = this.#spawn();
  }

  get running(): number {
    return [this.#active, this.#spare].reduce((sum, child) => sum + (child?.running ?? 0), 0);
  }

  /** Children that run or start. */
  get size(): number {
    return [this.#active, this.#spare].filter((child) => child !== undefined).length;
  }

  /** The child that takes statements, when it is ready. */
  get current(): ExecutorProcess | undefined {
    return this.#active;
  }

  async acquire(signal: AbortSignal): Promise<ExecutorProcess> {
    this.#askedMs = this.#clock.monotonicMs();
    if (!this.#cancelWatch && !this.#isClosed) this.#watch(spareAfterMs);
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
    this.#cancelWatch?.();
    const children = [this.#active, this.#spare].filter((child) => child !== undefined);
    await Promise.all([this.#let, ...children.map((child) => child.close())]);
  }

  #watch(delayMs: number): void {
    this.#cancelWatch = this.#clock.schedule(delayMs, () => {
      const idleMs = this.#clock.monotonicMs() - this.#askedMs;
      if (idleMs < spareIdleMs) {
        this.#fill();
        this.#watch(spareIdleMs - idleMs);
        return;
      }
      this.#cancelWatch = undefined;
      const spare = this.#spare;
      this.#spare = undefined;
      if (spare) this.#let = spare.close();
    });
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
    // One that was let go is expected to end.
    if (this.#isClosed || (child !== this.#active && child !== this.#spare)) return;
    // A child that was killed or ran into its limit is part of life; one that says it cannot go on is a fault of ours.
    const level = error.code === 'unavailable' ? 'warn' : 'error';
    this.#logger[level]('executor_exited', { pid: child.pid, exit_code: exitCode, signal, reason: error.message });
    if (child === this.#active) {
      this.#active = this.#spare;
      this.#spare = undefined;
    } else this.#spare = undefined;
    this.#clock.schedule(this.#restartMs, () => this.#fill());
  }

  #fill(): void {
    if (this.#isClosed) return;
    if (!this.#active) this.#active = this.#spawn();
    else if (this.#cancelWatch) this.#spare ??= this.#spawn();
    if (!this.#spare && this.#cancelWatch)
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
