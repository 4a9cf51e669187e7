import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '@hybridstore/runtime';
import type { Statement } from '../messages.ts';
import { interrupted, StatementFailure } from './statement-failure.ts';

/** What of the rows may be on its way to the reader, and a piece. */
const bytesAheadMax = 1024 * 1024;
/** The engine forgets an interrupt that comes before the call which it was meant for has begun. */
const interruptAgainMs = 25;

/** One statement at work in the child: how many bytes its reader allows it, and whether it is wanted any more. */
export class RunningStatement {
  readonly statement: Statement;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #credit = bytesAheadMax;
  #connection: Pick<DuckDBConnection, 'interrupt'> | undefined;
  #wake: (() => void) | undefined;

  constructor(statement: Statement, clock: Clock) {
    this.statement = statement;
    this.#clock = clock;
  }

  /** Aborted with what the statement ends with when nobody wants it any more. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The connection that a cancel interrupts, until it is taken away again; none between two of them. */
  set connection(connection: Pick<DuckDBConnection, 'interrupt'> | undefined) {
    this.#connection = connection;
  }

  allowMore(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  cancel(): void {
    if (this.signal.aborted) return;
    this.#stop.abort(new StatementFailure(interrupted));
    this.#wake?.();
    this.#interrupt();
  }

  requireWanted(): void {
    this.signal.throwIfAborted();
  }

  /** Waits until the reader has room, and takes it for a piece of so many bytes. */
  async takeCredit(bytes: number): Promise<void> {
    while (this.#credit <= 0) {
      this.requireWanted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.requireWanted();
    this.#credit -= bytes;
  }

  #interrupt(): void {
    if (!this.#connection) return;
    this.#connection.interrupt();
    this.#clock.schedule(interruptAgainMs, () => this.#interrupt());
  }
}
