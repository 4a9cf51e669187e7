import type { DuckDBConnection } from '@duckdb/node-api';
import type { Statement } from '../messages.ts';
import { interrupted, StatementFailure } from './statement-failure.ts';

const piecesAheadMax = 4;

/** One statement at work in the child: how many pieces its reader allows it, and whether it is wanted any more. */
export class RunningStatement {
  readonly statement: Statement;
  #credit = piecesAheadMax;
  #isCancelled = false;
  #connection: DuckDBConnection | undefined;
  #wake: (() => void) | undefined;

  constructor(statement: Statement) {
    this.statement = statement;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** The connection that a cancel interrupts; none between two of them. */
  set connection(connection: DuckDBConnection | undefined) {
    this.#connection = connection;
  }

  allowMore(pieces: number): void {
    this.#credit += pieces;
    this.#wake?.();
  }

  /** An interrupt that falls between two fetches is lost, hence the flag beside it. */
  cancel(): void {
    this.#isCancelled = true;
    this.#connection?.interrupt();
    this.#wake?.();
  }

  requireWanted(): void {
    if (this.#isCancelled) throw new StatementFailure(interrupted);
  }

  /** Waits until the reader has room for one more piece, and takes it. */
  async takeCredit(): Promise<void> {
    while (this.#credit <= 0) {
      this.requireWanted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.requireWanted();
    this.#credit -= 1;
  }
}
