import type { ResultColumn } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { type Execution, type ExecutionEnd, ExecutionLost, type RowPiece, ViewGone } from '../domain/ports.ts';
import type { Failure } from './messages.ts';

export interface FeedEffects {
  /** So many bytes more may be sent. */
  takeMore(bytes: number): void;
  stop(graceMs: number): void;
}

/** The node's end of one statement: pieces wait here until they are read, and reading one allows the child another. */
export class ExecutionFeed implements Execution {
  readonly started: Promise<readonly ResultColumn[]>;
  readonly ended: Promise<ExecutionEnd>;
  readonly #effects: FeedEffects;
  readonly #start = Promise.withResolvers<readonly ResultColumn[]>();
  readonly #end = Promise.withResolvers<ExecutionEnd>();
  readonly #pieces: RowPiece[] = [];
  #isOver = false;
  #failure: unknown;
  #cancelReason: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(effects: FeedEffects) {
    this.#effects = effects;
    this.started = this.#start.promise;
    this.ended = this.#end.promise;
    // A reader that only iterates still gets every failure; unobserved promises must not end the process.
    this.started.catch(() => {});
    this.ended.catch(() => {});
  }

  async *pieces(): AsyncGenerator<RowPiece> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) {
        yield piece;
        if (!this.#isOver) this.#effects.takeMore(piece.bytes);
        continue;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isOver) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  cancel(reason: Error, graceMs: number): void {
    if (this.#isOver || this.#cancelReason) return;
    this.#cancelReason = reason;
    this.#effects.stop(graceMs);
  }

  start(columns: readonly ResultColumn[]): void {
    this.#start.resolve(columns);
  }

  push(piece: RowPiece): void {
    this.#pieces.push(piece);
    this.#wake?.();
  }

  end(end: ExecutionEnd): void {
    this.#isOver = true;
    this.#end.resolve(end);
    this.#wake?.();
  }

  failWith(failure: Failure): void {
    if (failure.code === 'view_gone') this.fail(new ViewGone());
    else if (failure.code === 'interrupted') this.fail(new ExecutionLost(true));
    else {
      const cause = failure.internal === undefined ? {} : { cause: new Error(failure.internal) };
      this.fail(new HybridStoreError(failure.code, failure.message, failure.details, cause));
    }
  }

  /** A statement that was cancelled ends with the reason for it, however its child took it. */
  fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = this.#cancelReason ?? error;
    this.#pieces.length = 0;
    this.#start.reject(this.#failure);
    this.#end.reject(this.#failure);
    this.#wake?.();
  }
}
