import { type Revocations, revocationsMax, tokenLeewaySecondsMax, tokenSecondsMax } from '@hybridstore/contracts';
import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import type { UserStore } from './ports.ts';

/** The longest life that a token may have been given (JWT_EXPIRATION_HOURS): whatever was revoked before has expired. */
export const tokenHoursMax = tokenSecondsMax.user / 3_600;
/** Many services ask for the list; the store is asked once in this time. */
const heldMs = 1_000;
const keepMs = 1_000;

/**
 * What was revoked and may still be carried around, for services that check tokens by themselves. The list has a bound:
 * beyond it, users' tokens of the time before its oldest entry are refused altogether, and their owners log in once more.
 */
export class RevocationList {
  readonly #store: UserStore;
  readonly #clock: Clock;
  #last: { readonly revocations: Revocations; readonly readAtMs: number } | undefined;
  #held: { readonly answer: Promise<Revocations>; readonly readAtMs: number } | undefined;

  constructor(store: UserStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  read(): Promise<Revocations> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#held && nowMs - this.#held.readAtMs < heldMs) return this.#held.answer;
    const answer = this.#readStore();
    this.#held = { answer, readAtMs: nowMs };
    answer.catch(() => {
      this.#held = undefined;
    });
    return answer;
  }

  /** The list as it was last read, if that is not longer ago than `ageMsMax`: for when the store is away. */
  lastKnown(ageMsMax: number): Revocations | undefined {
    const last = this.#last;
    return last && this.#clock.monotonicMs() - last.readAtMs < ageMsMax ? last.revocations : undefined;
  }

  /** Reads the list from now on, asked or not, so that there is one when the store goes away; until the signal. */
  async keepKnown(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.read();
      } catch (error) {
        // Its age is what counts; who asks for the list gets the same error.
        if (!(error instanceof HybridStoreError)) throw error;
      }
      await this.#clock.sleep(keepMs, signal).catch(() => {});
    }
  }

  async #readStore(): Promise<Revocations> {
    const readAtMs = this.#clock.monotonicMs();
    const revocations = await this.#askStore();
    this.#last = { revocations, readAtMs };
    return revocations;
  }

  async #askStore(): Promise<Revocations> {
    const since = this.#clock.now() - tokenHoursMax * 3_600_000 - tokenLeewaySecondsMax * 1_000;
    const revocations = await this.#store.revocationsSince(since, revocationsMax + 1);
    const firstLeftOut = revocations[revocationsMax];
    return {
      revoked: revocations.slice(0, revocationsMax).map(({ sub, generation }) => ({ sub, generation })),
      users_issued_until: firstLeftOut ? Math.ceil(firstLeftOut.revokedAtMs / 1_000) : 0,
    };
  }
}
