import { createHash } from 'node:crypto';
import type { LogicalPlan, ResultColumn } from '@hybridstore/contracts';
import { isVolatile } from '@hybridstore/plan';
import type { Execution, ExecutionEnd, RowPiece, RowShape } from './ports.ts';
import { ReadAhead } from './read-ahead.ts';
import type { SourceView } from './strict-view.ts';

export type ResultCacheBounds = {
  /** Of all answers that are kept; 0: none is. */
  readonly bytesMax: number;
  /** Of one answer. A larger one is kept by nobody. */
  readonly answerBytesMax: number;
};

export const resultCacheBounds: ResultCacheBounds = { bytesMax: 16 * 1024 * 1024, answerBytesMax: 256 * 1024 };

/** What decides the rows of an answer: the plan, what it is run over, and the form of its rows. */
export type AnswerInput = {
  readonly plan: LogicalPlan;
  readonly views: ReadonlyMap<string, SourceView>;
  readonly shape: RowShape;
  readonly separator: string;
  readonly rowsMax: number;
  readonly bytesMax: number;
};

type KeptAnswer = {
  readonly columns: readonly ResultColumn[];
  readonly pieces: readonly RowPiece[];
  readonly end: ExecutionEnd;
  readonly bytes: number;
};
export type FlightEnd = 'kept' | 'failed' | 'too_large';
type Flight = { readonly ended: Promise<FlightEnd>; readonly end: (how: FlightEnd) => void; waiting: number };

/**
 * `kept`: the answer. `lead`: to be run, and others may wait for it. `wait`: another one is run, after which there may be an
 * answer. `alone`: to be run.
 */
export type Entrance =
  | { readonly kind: 'kept'; readonly execution: Execution }
  | { readonly kind: 'lead'; readonly lead: Lead }
  | { readonly kind: 'wait'; readonly ended: Promise<FlightEnd> }
  | { readonly kind: 'alone' };

/** Must be taken by `keep`, or given up; then whoever waits for it goes on. */
export interface Lead {
  /** The same execution, whose answer is kept when it has ended well. */
  keep(execution: Execution): Execution;
  giveUp(): void;
}

/** For one answer; more run by themselves. */
const waitingMax = 1_000;
/** Of a key, a name and what a map takes for them. */
const entryBytes = 1_024;

/**
 * Small answers of this node, by all that decides them: the plan with its parameters, and of each source its life, the
 * version of its table and the LSNs of each member's log that were read. Members have been asked and the log of the table has
 * been looked at by then, as for any query, so an answer is as new as if it had been run; a write, another schema, a merge,
 * a source made anew is another key, and there is no time after which anything is old. Who may read what was decided
 * before, for each request by its token: an answer depends on nobody's rights.
 *
 * Of queries that ask the same at once one is run. The others wait for it, each as long as its own time allows; if it fails
 * or its caller leaves, the next of them runs. What comes out too large, none waits for.
 *
 * Left out: answers that a function decides anew each time, and answers of queries that asked for that.
 */
export class ResultCache {
  readonly #bounds: ResultCacheBounds;
  /** Those used last come last. */
  readonly #kept = new Map<string, KeptAnswer>();
  readonly #flights = new Map<string, Flight>();
  #bytes = 0;

  constructor(bounds: ResultCacheBounds) {
    this.#bounds = bounds;
  }

  get bytes(): number {
    return this.#bytes;
  }

  enter(input: AnswerInput): Entrance {
    if (this.#bounds.bytesMax === 0 || isVolatile(input.plan.query)) return { kind: 'alone' };
    const key = keyOf(input);
    const kept = this.#take(key);
    if (kept) return { kind: 'kept', execution: repeat(kept) };
    const flight = this.#flights.get(key);
    if (!flight) return { kind: 'lead', lead: this.#lead(key) };
    if (flight.waiting >= waitingMax) return { kind: 'alone' };
    flight.waiting += 1;
    return { kind: 'wait', ended: flight.ended };
  }

  #lead(key: string): Lead {
    const { promise, resolve } = Promise.withResolvers<FlightEnd>();
    const flight: Flight = {
      ended: promise,
      waiting: 0,
      end: (how) => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        resolve(how);
      },
    };
    this.#flights.set(key, flight);
    return {
      keep: (execution) => this.#follow(key, flight, execution),
      giveUp: () => flight.end('failed'),
    };
  }

  /** A caller that reads slowly holds nobody up; one that leaves is one whose execution fails. */
  #follow(key: string, flight: Flight, execution: Execution): Execution {
    const ahead = new ReadAhead(execution.pieces(), this.#bounds.answerBytesMax);
    this.#keepWhole(key, execution, ahead).then(flight.end, () => flight.end('failed'));
    const { started, ended } = execution;
    return { started, ended, pieces: () => ahead.read(), cancel: execution.cancel.bind(execution) };
  }

  async #keepWhole(key: string, execution: Execution, ahead: ReadAhead): Promise<FlightEnd> {
    const whole = await ahead.ended;
    if (whole.kind === 'too_large') return 'too_large';
    // Before another turn: the reader may let go of what it has read.
    const pieces = whole.pieces.map(copyOf);
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, entryBytes);
    const [columns, end] = await Promise.all([execution.started, execution.ended]);
    this.#keep(key, { columns, pieces, end, bytes });
    return 'kept';
  }

  #take(key: string): KeptAnswer | undefined {
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept;
  }

  #keep(key: string, answer: KeptAnswer): void {
    this.#drop(key);
    this.#kept.set(key, answer);
    this.#bytes += answer.bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#bounds.bytesMax) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}

function keyOf({ plan, views, shape, separator, rowsMax, bytesMax }: AnswerInput): string {
  const { query, parameters } = plan;
  const read = [...views.values()]
    .map(({ sourceId, state: { location, version }, fresh }) => {
      const logs = fresh.map(({ log, afterLsn, untilLsn }) => [log, afterLsn, untilLsn] as const);
      return [sourceId, location, version, logs.sort(([a], [b]) => (a < b ? -1 : 1))] as const;
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const input = JSON.stringify([query, parameters, read, shape, separator, rowsMax, bytesMax]);
  return createHash('sha256').update(input).digest('base64url');
}

/** A piece may be a part of much more memory. */
function copyOf({ texts, rows, bytes }: RowPiece): RowPiece {
  return { texts: [Buffer.concat(texts)], rows, bytes };
}

function repeat({ columns, pieces, end }: KeptAnswer): Execution {
  return {
    started: Promise.resolve(columns),
    ended: Promise.resolve(end),
    pieces: async function* () {
      yield* pieces;
    },
    cancel: () => {},
  };
}
