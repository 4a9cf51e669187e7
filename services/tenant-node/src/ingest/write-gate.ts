import type { AppendResult, Engine, Room } from '@hybridstore/engine';
import { loopBytesMax } from '@hybridstore/http';
import { type Clock, HybridStoreError, isHybridStoreError, maySource, retryLater, userOf } from '@hybridstore/runtime';
import type { ArrivingWrite, Batch, Sender, WriteAdmission } from '../domain/ports.ts';
import type { Turn, Verdict } from './fair-turns.ts';
import { spreadRetryMs, WriteLine } from './write-line.ts';

export type WriteGateOptions = {
  readonly engine: Pick<Engine, 'append' | 'findBatch' | 'room' | 'onRoom'>;
  readonly clock: Pick<Clock, 'schedule' | 'monotonicMs'>;
  readonly random: () => number;
};

const mebibyte = 1024 * 1024;
type Bounds = { readonly bytesMax: number; readonly shareBytesMax: number };
/**
 * Bytes of large writes between their first byte and their answer, and what one user, or one source, may have of them: the
 * rest is for others. A share holds the largest body.
 */
export const ownBounds: Bounds = { bytesMax: 64 * mebibyte, shareBytesMax: 32 * mebibyte };
/** Those that another member hands on have places apart: members that wait for each other's would wait for ever. */
export const handedOnBounds: Bounds = { bytesMax: 32 * mebibyte, shareBytesMax: 32 * mebibyte };
/** So many large writes may be on the way that a thread reads. */
export const largeWritesMax = (ownBounds.bytesMax + handedOnBounds.bytesMax) / loopBytesMax;
/** Of a body that waits, little is here. */
const bodiesWaitingMax = 256;
/** Small writes wait for room with their records. */
const writesWaitingMax = 512;
/** For each of the two. A member that handed the write on waits for longer than both. */
const waitMsMax = 10_000;
const headBytesMax = 512;

type BodyTurn = Turn & { readonly bytes: number };
type RowsTurn = Turn & {
  readonly rows: number;
  /** How much had been heard of room when there was none for it. */
  readonly triedAt: number;
};

/**
 * Where writes wait, so that more of them make a node slower and never useless: what is read and parsed, and then refused,
 * takes the processor away from the flush that would make room.
 *
 *   large write → place for its body → read, parsed → ┐
 *   small write ───────────────── read, parsed ─────→ ┴ room for its rows → encoded, logged → answer, place given back
 *
 * A large write gets its place by its length, before it is read; none as long as its source has no room, so that those that
 * find none behind it are few. While they wait, the main loop and the processor are the flush's. Everybody waits in fair
 * turns (`FairTurns`); a full line, or too long a wait, is `overloaded`. Where flushes of the source fail, nobody waits.
 */
export class WriteGate implements WriteAdmission {
  readonly #options: WriteGateOptions;
  readonly #own: BodyPlaces;
  readonly #handedOn: BodyPlaces;
  readonly #rows: WriteLine<RowsTurn>;
  /** Of writes that may go on and are not in memory yet. */
  readonly #promisedRows = new Map<string, number>();
  #roomNotices = 0;

  constructor(options: WriteGateOptions) {
    this.#options = options;
    const { clock, random, engine } = options;
    const waits = (source: string) => this.#rows.hasSource(source) || this.#roomOf(source, 1) === 'full';
    const onLeft = () => this.#look();
    this.#own = new BodyPlaces(ownBounds, { ...options, waits, onLeft });
    this.#handedOn = new BodyPlaces(handedOnBounds, { ...options, waits, onLeft });
    this.#rows = new WriteLine({
      what: 'room for its rows',
      waitingMax: writesWaitingMax,
      waitingPerCallerMax: writesWaitingMax / 2,
      judge: (turn) => this.#judgeRows(turn),
      onGo: ({ source, rows }) => addTo(this.#promisedRows, source, rows),
      onLeft,
      clock,
      random,
    });
    engine.onRoom(() => {
      this.#roomNotices += 1;
      this.#look();
    });
  }

  /** Writes that wait, large and small. */
  get waiting(): number {
    return this.#own.waiting + this.#handedOn.waiting + this.#rows.waiting;
  }

  async admit({ caller, bytes, head, query, signal, isForwarded }: ArrivingWrite): Promise<() => void> {
    const named = readSource(head, query);
    // What nobody may write to says nothing of itself.
    const source = named !== undefined && maySource(caller, 'write', named) ? named : '';
    const room = this.#roomOf(source, 1);
    if (room instanceof HybridStoreError) throw this.#spread(room);
    return (isForwarded ? this.#handedOn : this.#own).take({ source, caller: userOf(caller), bytes }, signal);
  }

  async append(batch: Batch, sender: Sender): Promise<AppendResult> {
    if (this.#isBehindOthers(batch)) return this.#appendInTurn(batch, sender, -1);
    const triedAt = this.#roomNotices;
    try {
      return await this.#options.engine.append(batch);
    } catch (error) {
      if (!this.#isFull(batch, error)) throw this.#spread(error);
    }
    return this.#appendInTurn(batch, sender, triedAt);
  }

  /** Nobody waits any more, and who would have to is refused. */
  close(): void {
    const closing = retryLater('unavailable', 'this node takes no writes: closing', 1_000, { reasons: ['closing'] });
    this.#own.close(closing);
    this.#handedOn.close(closing);
    this.#rows.close(closing);
  }

  async #appendInTurn(batch: Batch, sender: Sender, firstTriedAt: number): Promise<AppendResult> {
    const { engine, clock } = this.#options;
    const untilMs = clock.monotonicMs() + waitMsMax;
    const turn = { source: batch.sourceId, caller: userOf(sender.caller), rows: batch.records.length };
    for (let triedAt = firstTriedAt; ; ) {
      const wait = { msMax: Math.max(0, untilMs - clock.monotonicMs()), signal: sender.signal };
      await this.#rows.enter({ ...turn, triedAt }, wait);
      triedAt = this.#roomNotices;
      try {
        return await engine.append(batch);
      } catch (error) {
        if (!this.#isFull(batch, error)) throw this.#spread(error);
      } finally {
        addTo(this.#promisedRows, turn.source, -turn.rows);
        this.#look();
      }
    }
  }

  /** First those with rows: bodies of their source wait for them. */
  #look(): void {
    this.#rows.look();
    this.#own.look();
    this.#handedOn.look();
  }

  /** Whether the batch could take what others of its source wait for, or have been promised. */
  #isBehindOthers({ sourceId, batchId, records }: Batch): boolean {
    const isBehind =
      this.#rows.hasSource(sourceId) ||
      (this.#promisedRows.has(sourceId) && this.#roomOf(sourceId, records.length) === 'full');
    // One that was applied before takes no room.
    return isBehind && (batchId === undefined || this.#options.engine.findBatch(sourceId, batchId) === undefined);
  }

  /** Where flushes have begun to fail it goes on, to be answered so. */
  #judgeRows({ source, rows, triedAt }: RowsTurn): Verdict {
    const isTriedInVain = triedAt === this.#roomNotices;
    return isTriedInVain || this.#roomOf(source, rows) === 'full' ? 'source waits' : 'go';
  }

  /** A source that is not named has room, as far as anybody knows. */
  #roomOf(source: string, rows: number): Room {
    return source === '' ? 'free' : this.#options.engine.room(source, rows, this.#promisedRows.get(source));
  }

  /** Whether the engine has refused the batch for want of room that a flush makes. */
  #isFull({ sourceId, records }: Batch, error: unknown): boolean {
    return isNoRoom(error) && !(this.#roomOf(sourceId, records.length) instanceof HybridStoreError);
  }

  #spread(error: unknown): unknown {
    if (!isNoRoom(error)) return error;
    return retryLater('overloaded', error.message, spreadRetryMs(this.#options.random), error.details);
  }
}

/** The engine's own words for it; other bounds of it are `overloaded` as well. */
function isNoRoom(error: unknown): error is HybridStoreError {
  return isHybridStoreError(error, 'overloaded') && error.details['unflushed_rows'] !== undefined;
}

/** Where the query names it, or where it is the first field, as in most writes: what the body says later is read later. */
function readSource(head: Buffer, query: unknown): string | undefined {
  const { source_id: named } = query as { readonly source_id?: unknown };
  if (typeof named === 'string') return named;
  return /^\s*\{\s*"source_id"\s*:\s*"([a-z0-9_]{1,63})"/.exec(head.toString('latin1', 0, headBytesMax))?.[1];
}

/** Bytes of large writes under way: in sum, and by whose they are. */
class BodyPlaces {
  readonly #bounds: Bounds;
  readonly #waits: (source: string) => boolean;
  readonly #line: WriteLine<BodyTurn>;
  readonly #ofCaller = new Map<string, number>();
  readonly #ofSource = new Map<string, number>();
  #bytes = 0;

  constructor(
    bounds: Bounds,
    options: Pick<WriteGateOptions, 'clock' | 'random'> & {
      readonly waits: (source: string) => boolean;
      readonly onLeft: () => void;
    },
  ) {
    this.#bounds = bounds;
    this.#waits = options.waits;
    this.#line = new WriteLine({
      ...options,
      what: 'a place among the large ones',
      waitingMax: bodiesWaitingMax,
      waitingPerCallerMax: bodiesWaitingMax / 2,
      judge: (turn) => this.#judge(turn),
      onGo: (turn) => this.#add(turn, turn.bytes),
    });
  }

  get waiting(): number {
    return this.#line.waiting;
  }

  async take({ source, caller, bytes }: BodyTurn, signal: AbortSignal): Promise<() => void> {
    const turn = { source, caller, bytes: Math.min(bytes, this.#bounds.shareBytesMax) };
    await this.#line.enter(turn, { msMax: waitMsMax, signal });
    return () => {
      this.#add(turn, -turn.bytes);
      this.look();
    };
  }

  look(): void {
    this.#line.look();
  }

  close(error: HybridStoreError): void {
    this.#line.close(error);
  }

  #judge({ source, caller, bytes }: BodyTurn): Verdict {
    const { bytesMax, shareBytesMax } = this.#bounds;
    if (this.#waits(source)) return 'source waits';
    if ((this.#ofCaller.get(caller) ?? 0) + bytes > shareBytesMax) return 'caller waits';
    if ((this.#ofSource.get(source) ?? 0) + bytes > shareBytesMax) return 'source waits';
    return this.#bytes + bytes > bytesMax ? 'all wait' : 'go';
  }

  #add({ source, caller }: BodyTurn, bytes: number): void {
    this.#bytes += bytes;
    addTo(this.#ofCaller, caller, bytes);
    addTo(this.#ofSource, source, bytes);
  }
}

function addTo(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
