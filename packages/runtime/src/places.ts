import { retryLater } from './errors.ts';

/** What one owner of each kind may hold, and all together. */
export type PlaceBounds<Kind extends string> = {
  readonly total: number;
  readonly each: Readonly<Record<Kind, number>>;
};

/** For whom a place is taken; who is not named holds nothing. */
export type PlaceOwners<Kind extends string> = { readonly [K in Kind]?: string | undefined };

type HeldOfKind<Kind> = { readonly kind: Kind; readonly max: number; readonly held: Map<string, number> };

const retryAfterMs = 1_000;

/**
 * Places of something shared, of which nobody may hold so many that none is left for others: each owner of a kind (a user,
 * a tenant, an address) has a bound of his own beside the one of all. Nobody waits here; who gets no place is refused.
 */
export class Places<Kind extends string> {
  readonly #what: string;
  readonly #bounds: PlaceBounds<Kind>;
  readonly #kinds: readonly HeldOfKind<Kind>[];
  #total = 0;

  /** `what` names the places in refusals: `calls under way`. */
  constructor(what: string, bounds: PlaceBounds<Kind>) {
    this.#what = what;
    this.#bounds = bounds;
    const kinds = Object.keys(bounds.each) as Kind[]; // the keys of a Record of kinds
    this.#kinds = kinds.map((kind) => ({ kind, max: bounds.each[kind], held: new Map() }));
  }

  get taken(): number {
    return this.#total;
  }

  /** Takes places for all owners or for none; what it gives returns them, once. Throws `overloaded`. */
  take(owners: PlaceOwners<Kind>, count = 1): () => void {
    for (const { kind, max, held } of this.#kinds) {
      const owner = owners[kind];
      if (owner !== undefined && (held.get(owner) ?? 0) + count > max) throw this.#refuse(kind);
    }
    if (this.#total + count > this.#bounds.total) throw this.#refuse('all');
    this.#add(owners, count);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#add(owners, -count);
    };
  }

  #add(owners: PlaceOwners<Kind>, count: number): void {
    this.#total += count;
    for (const { kind, held } of this.#kinds) {
      const owner = owners[kind];
      if (owner === undefined) continue;
      const left = (held.get(owner) ?? 0) + count;
      if (left > 0) held.set(owner, left);
      else held.delete(owner);
    }
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
