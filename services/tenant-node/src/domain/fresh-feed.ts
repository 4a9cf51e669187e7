import type { Engine } from '@hybridstore/engine';
import type { Clock } from '@hybridstore/runtime';
import type { Executor } from './ports.ts';

const feedMs = 100;
/** Sources asked for within this time are kept up to date, so that a query finds but a little left to load. */
const warmMs = 10_000;
/** After this time without a query the executor's copy of the fresh rows is dropped. */
const forgetMs = 60_000;

/**
 * Hands this node's own fresh rows to the executor between queries. Nothing depends on it: each query loads what is
 * missing; it only moves that work out of the query's time. Rows of other members are fetched by queries alone.
 */
export class FreshFeed {
  readonly #engine: Pick<Engine, 'appId' | 'fresh'>;
  readonly #executor: Pick<Executor, 'current'>;
  readonly #clock: Clock;
  readonly #askedMs = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(engine: Pick<Engine, 'appId' | 'fresh'>, executor: Pick<Executor, 'current'>, clock: Clock) {
    this.#engine = engine;
    this.#executor = executor;
    this.#clock = clock;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  /** A query reads the source. While none does, nothing is done here: an idle node sleeps. */
  note(sourceId: string): void {
    this.#askedMs.set(sourceId, this.#clock.monotonicMs());
    if (!this.#cancel && !this.#isStopped) this.#wait();
  }

  #wait(): void {
    this.#cancel = this.#clock.schedule(feedMs, () => {
      this.#feed();
      if (this.#askedMs.size > 0) this.#wait();
      else this.#cancel = undefined;
    });
  }

  #feed(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [sourceId, askedMs] of this.#askedMs) {
      if (nowMs - askedMs >= forgetMs) {
        this.#executor.current?.forget(sourceId);
        this.#askedMs.delete(sourceId);
      } else if (nowMs - askedMs < warmMs) this.#load(sourceId);
    }
  }

  #load(sourceId: string): void {
    const child = this.#executor.current;
    if (!child) return;
    const log = this.#engine.appId;
    const heldLsn = child.heldLsn(sourceId, log);
    const own = this.#engine.fresh(sourceId, heldLsn);
    const range = { log, afterLsn: Math.max(heldLsn, own.committedLsn), untilLsn: own.acknowledgedLsn };
    if (range.untilLsn <= range.afterLsn) return;
    child.load(
      sourceId,
      range,
      own.frames.map((frame) => frame.bytes),
    );
  }
}
