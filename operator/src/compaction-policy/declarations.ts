import { LruCache } from '@hybridstore/runtime';

const policiesMax = 50_000;

/** Uid → definition that the catalog took from this process. */
export class Declarations {
  readonly #taken = new LruCache<string, string>(policiesMax);

  isTaken(uid: string, definition: string): boolean {
    return this.#taken.get(uid) === definition;
  }

  noteTaken(uid: string, definition: string): void {
    this.#taken.set(uid, definition);
  }
}
