import type { RunningQuery } from '@hybridstore/contracts';
import type { AskedReplicas, Replicas } from '../ports.ts';
import type { QueryRegistry } from './query-registry.ts';

/** Queries of every replica: those of this process, and what the others say of theirs. */
export class AllQueries {
  readonly #own: QueryRegistry;
  readonly #others: Replicas;

  constructor(own: QueryRegistry, others: Replicas) {
    this.#own = own;
    this.#others = others;
  }

  /** Oldest first. */
  async list(asked: AskedReplicas): Promise<readonly RunningQuery[]> {
    const others = await this.#others.list(asked);
    // Replicas may be asked at an address that is this process's own.
    const byId = new Map([...this.#own.list(asked.caller), ...others].map((query) => [query.query_id, query]));
    return [...byId.values()].sort((a, b) => (a.started_at < b.started_at ? -1 : 1));
  }

  /** See `QueryRegistry.cancel`. */
  async cancel(queryId: string, asked: AskedReplicas): Promise<void> {
    if (!this.#own.has(queryId) && (await this.#others.cancel(queryId, asked))) return;
    this.#own.cancel(queryId, asked.caller);
  }
}

/** Of a process that is the only one. */
export const noReplicas: Replicas = { list: async () => [], cancel: async () => false };
