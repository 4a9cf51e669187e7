import { LruCache } from '@hybridstore/runtime';

const sourcesMax = 200_000;

/** Uid → generation that nodes and catalog have taken. Lost with the process: declaring twice changes nothing. */
export class Declarations {
  readonly #generations = new LruCache<string, number>(sourcesMax);

  taken(uid: string): number | undefined {
    return this.#generations.get(uid);
  }

  noteTaken(uid: string, generation: number): void {
    this.#generations.set(uid, generation);
  }
}
