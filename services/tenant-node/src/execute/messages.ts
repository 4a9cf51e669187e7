import type { ErrorCode, ResultColumn } from '@hybridstore/contracts';
import type { ChildProtocol } from '@hybridstore/runtime';
import type { FreshRange, StatementRequest } from '../domain/ports.ts';

/**
 * What a node and its executor child say to each other. Order is kept: a `run` sees every `load` that was sent before
 * it. Bytes of rows are paid for by credits, so that a slow reader of one query neither fills memory nor holds up the
 * others.
 */
export type ToChild =
  /**
   * Payload: every frame of one source and log with `afterLsn` < LSN ≤ `untilLsn` that is acknowledged, in LSN order.
   * Frames the child already holds are skipped.
   */
  | ({ readonly kind: 'load'; readonly source: string } & FreshRange)
  | ({ readonly kind: 'run' } & Statement)
  | { readonly kind: 'credit'; readonly query: number; readonly bytes: number }
  | { readonly kind: 'cancel'; readonly query: number }
  /** No query uses the source any more: its fresh tables are dropped. */
  | { readonly kind: 'forget'; readonly source: string };

export type FromChild =
  /** The first thing a query that works answers with, before any row. */
  | { readonly kind: 'started'; readonly query: number; readonly columns: readonly ResultColumn[] }
  /** Payload: text of `rows` rows with the statement's separators. */
  | { readonly kind: 'rows'; readonly query: number; readonly rows: number }
  | { readonly kind: 'ended'; readonly query: number; readonly rows: number; readonly freshRows: number }
  | { readonly kind: 'failed'; readonly query: number; readonly failure: Failure };

/** `view_gone`: the fresh rows of the statement's view were dropped meanwhile; a newer view has to be taken. */
export type Failure = {
  readonly code: ErrorCode | 'view_gone' | 'interrupted';
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** The engine's own words, for the log only. */
  readonly internal?: string;
  /** No further statement can be answered by this child. */
  readonly breaksEngine?: boolean;
};

/** Threads of the child for calls that take long, with one of which each is made: into the engine, and to the disk. */
export const childThreads = 16;

export type Statement = { readonly query: number } & StatementRequest;

/** What the child is started with. */
export type SessionOptions = {
  /** Holds links to files of statements; the engine can read those of the ones at work. Its name is known to nobody else. */
  readonly filesFolder: string;
  /** From which all other names follow that no statement may know. */
  readonly secret: string;
  /** DuckDB's own bound, as `512MB`. */
  readonly memoryLimit: string;
  readonly threads: number;
  /** Where the engine puts what does not fit into memory; absent: nowhere. */
  readonly spill?: SpillOptions;
};

/** `folder` is this child's alone, under a name that is known to nobody else: the engine may read and write all in it. */
export type SpillOptions = { readonly folder: string; readonly bytesMax: number };

export const executorProtocol: ChildProtocol = {
  name: 'executor',
  version: 2,
  bounds: {
    // A frame is at most a request body turned columnar; a piece of rows may exceed its aim by one vector of long rows.
    messageBytesMax: 256 * 1024 * 1024,
    // Fresh rows of every member at once, where a node is allowed as many as it can be; far beyond the child's memory.
    queuedBytesMax: 4 * 1024 * 1024 * 1024,
  },
};
