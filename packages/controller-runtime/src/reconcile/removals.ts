import { type Clock, type Logger, LruCache } from '@hybridstore/runtime';
import type { ForeignRemoval } from '../kube/foreign.ts';
import { canonicalJson } from '../kube/json.ts';

/** Times within the window that additions to one object are taken away; what comes after that stays. */
const removalsMax = 5;
const removalWindowMs = 600_000;
const objectsMax = 20_000;

type Removed = { readonly sinceMs: number; readonly count: number; readonly inVain: string | undefined };

/**
 * What was taken away lately, by uid of the object. Neither an admission hook that adds a field at each write nor a field
 * that the API server derives (`serviceAccount` of `serviceAccountName`) may be fought for ever.
 */
export class Removals {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #byUid = new LruCache<string, Removed>(objectsMax);

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  mayRemove(uid: string, removal: ForeignRemoval): boolean {
    const { count, inVain } = this.#recent(uid);
    return count < removalsMax && inVain !== canonicalJson(removal);
  }

  /** `left` is what there would be to take away still, after the API server answered. */
  note(uid: string, removal: ForeignRemoval, left: ForeignRemoval | undefined): void {
    const { sinceMs, count, inVain } = this.#recent(uid);
    this.#byUid.set(uid, { sinceMs, count: count + 1, inVain: left === undefined ? inVain : canonicalJson(left) });
    if (left !== undefined || count + 1 === removalsMax)
      this.#logger.warn('foreign_fields_kept', { uid, removal: canonicalJson(left ?? removal) });
  }

  /** What was in vain stays so: that the window is over changes nothing about how the server answers. */
  #recent(uid: string): Removed {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#byUid.get(uid);
    if (known !== undefined && nowMs - known.sinceMs < removalWindowMs) return known;
    return { sinceMs: nowMs, count: 0, inVain: known?.inVain };
  }
}
