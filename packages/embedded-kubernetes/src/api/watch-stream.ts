import type { KubeObject, Stored, WatchEvent } from '@hybridstore/controller-runtime';
import { kubeError } from '@hybridstore/controller-runtime';
import type { Clock } from '@hybridstore/runtime';
import type { ObjectTest } from '../selectors.ts';
import type { Change, ObjectStore } from '../storage/object-store.ts';

/** One watch on the store as an async iterator: what happened since the given version, then what happens. */
export type WatchStreamOptions = {
  readonly store: ObjectStore;
  readonly collection: string;
  readonly revision: number;
  readonly isSelected: ObjectTest | undefined;
  readonly clock: Clock;
  readonly bookmarkIntervalMs: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

/** A reader further behind is cut off and resumes by its last version, as the API server does with slow watchers. */
export const watchEventsMax = 16_384;

type Event = WatchEvent<KubeObject>;
type Result = IteratorResult<Event, undefined>;

/** Throws `gone` when the version is no longer in the window. */
export class WatchStream implements AsyncIterableIterator<Event, undefined> {
  readonly #options: WatchStreamOptions;
  readonly #events: Event[] = [];
  readonly #unsubscribe: () => void;
  #cancelTimers: (() => void)[] = [];
  #waiting: ((result: Result) => void) | undefined;
  #isEnded = false;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    const { store, collection, revision, signal } = options;
    const past = store.changesSince(collection, revision);
    if (past === undefined) throw tooOld(revision, store.revision);
    for (const change of past) this.#take(change);
    this.#unsubscribe = store.subscribe(collection, (change) => this.#take(change));
    signal?.addEventListener('abort', this.#end, { once: true });
    this.#scheduleBookmark();
    if (options.timeoutMs !== undefined)
      this.#cancelTimers.push(options.clock.schedule(options.timeoutMs, this.#timeOut));
    if (signal?.aborted === true) this.#end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  return(): Promise<Result> {
    this.#events.length = 0;
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(change: Change): void {
    const event = toEvent(change, this.#options.isSelected);
    if (event !== undefined) this.#push(event);
  }

  #push(event: Event): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) waiting({ done: false, value: event });
    else if (this.#events.push(event) > watchEventsMax) this.#end();
  }

  readonly #timeOut = (): void => {
    this.#pushBookmark();
    this.#end();
  };

  readonly #end = (): void => {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#unsubscribe();
    this.#options.signal?.removeEventListener('abort', this.#end);
    for (const cancel of this.#cancelTimers) cancel();
    if (this.#events.length === 0) this.#waiting?.({ done: true, value: undefined });
  };

  #scheduleBookmark(): void {
    const cancel = this.#options.clock.schedule(this.#options.bookmarkIntervalMs, () => {
      this.#cancelTimers = this.#cancelTimers.filter((other) => other !== cancel);
      this.#pushBookmark();
      if (!this.#isEnded) this.#scheduleBookmark();
    });
    this.#cancelTimers.push(cancel);
  }

  #pushBookmark(): void {
    this.#push({ type: 'BOOKMARK', resourceVersion: String(this.#options.store.revision) });
  }
}

/** An object that leaves the selection is deleted for this watcher, one that enters is added. */
function toEvent(change: Change, isSelected: ObjectTest | undefined): Event | undefined {
  if (isSelected === undefined) return { type: change.type, object: change.object };
  const isIn = change.type !== 'DELETED' && isSelected(change.object);
  const wasIn = change.previous !== undefined && isSelected(change.previous);
  if (!isIn && !wasIn) return undefined;
  if (isIn) return { type: wasIn ? 'MODIFIED' : 'ADDED', object: change.object };
  return { type: 'DELETED', object: withVersion(change.previous ?? change.object, change.revision) };
}

function withVersion(object: Stored<KubeObject>, revision: number): Stored<KubeObject> {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

function tooOld(revision: number, current: number) {
  return kubeError({ reason: 'Expired', message: `too old resource version: ${revision} (${current})` });
}
