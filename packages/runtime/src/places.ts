import { retryLater } from './errors.ts';

/** What one owner of each kind may hold, and all together. */
export type PlaceBounds<Kind extends string> = {
  readonly total: number;
  readonly each: Readonly<Record<Kind, number>>;
};

/** For whom a place is taken; who is not named holds nothing. */
export type PlaceOwners<Kind extends string> = { readonly [K in Kind]?: string | undefined };

const retryAfterMs = 1_000;

/**
 * Places of something shared, of which nobody may hold so many that none is left for others: each owner of a kind (a user,
 * a tenant, an address) has a bound of his own beside the one of all. Nobody waits here; who gets no place is refused.
 */
export class Places<Kind extends string> {
  readonly #what: string;
  readonly #bounds: PlaceBounds<Kind>;
  readonly #held = new Map<string, number>();
  #total = 0;

  /** `what` names the places in refusals: `calls under way`. */
  constructor(what: string, bounds: PlaceBounds<Kind>) {
    this.#what = what;
    this.#bounds = bounds;
  }

  get taken(): number {
    return this.#total;
  }

  /** Takes places for all owners or for none; what it gives returns them, once. Throws `overloaded`. */
  take(owners: PlaceOwners<Kind>, count = 1): () => void {
    const kinds = Object.keys(this.#bounds.each) as Kind[]; // the keys of a Record of kinds
    const held = kinds.flatMap((kind) => {
      const owner = owners[kind];
      return owner === undefined ? [] : [{ kind, key: `${kind} ${owner}` }];
    });
    for (const { kind, key } of held)
      if ((this.#held.get(key) ?? 0) + count > this.#bounds.each[kind]) throw this.#refuse(kind);
    if (this.#total + count > this.#bounds.total) throw this.#refuse('all');
    for (const { key } of held) this.#add(key, count);
    this.#total += count;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      for (const { key } of held) this.#add(key, -count);
      this.#total -= count;
    };
  }

  #add(key: string, count: number): void {
    const left = (this.#held.get(key) ?? 0) + count;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
  }

  #refuse(kind: Kind | 'all'): Error {
    const bound = kind === 'all' ? this.#bounds.total : this.#bounds.each[kind];
    const whose = kind === 'all' ? '' : ` for one ${kind}`;
    return retryLater('overloaded', `expected at most ${bound} ${this.#what}${whose}`, retryAfterMs, {
      bound_of: kind,
      max: bound,
    });
  }
}
