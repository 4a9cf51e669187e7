import type { RunningQuery } from '@hybridstore/contracts';
import { type Clock, HybridStoreError, type TenantCaller } from '@hybridstore/runtime';

export type QueryState = RunningQuery['state'];

/** A query from its arrival to the last byte of its answer. */
export interface ActiveQuery {
  readonly queryId: string;
  readonly tenantId: string;
  readonly subject: string;
  readonly text: string;
  readonly startedAtMs: number;
  readonly startedMs: number;
  readonly timeoutMs: number;
  state: QueryState;
  cancel(reason: HybridStoreError): void;
}

const textCharactersMax = 4_096;

/** Queries that wait or run in this process. Lives in memory only: a restart ends its queries as well. */
export class QueryRegistry {
  readonly #clock: Clock;
  readonly #queries = new Map<string, ActiveQuery>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#queries.size;
  }

  add(query: ActiveQuery): void {
    this.#queries.set(query.queryId, query);
  }

  remove(queryId: string): void {
    this.#queries.delete(queryId);
  }

  /** Oldest first: a caller's own queries, for an administrator of the tenant all of them. */
  list(caller: TenantCaller): readonly RunningQuery[] {
    return [...this.#queries.values()]
      .filter((query) => query.tenantId === caller.tenant && mayHandle(query, caller))
      .map((query) => this.#describe(query));
  }

  /** Ends every query, because the process is going. */
  endAll(reason: HybridStoreError): void {
    for (const query of [...this.#queries.values()]) query.cancel(reason);
  }

  has(queryId: string): boolean {
    return this.#queries.has(queryId);
  }

  /** Stops a query. `not_found` for one that is not there or of another tenant, `forbidden` for one of somebody else. */
  cancel(queryId: string, caller: TenantCaller): void {
    const query = this.#queries.get(queryId);
    if (!query || query.tenantId !== caller.tenant)
      throw new HybridStoreError('not_found', `no query ${queryId} is waiting or running`, { query_id: queryId });
    if (!mayHandle(query, caller))
      throw new HybridStoreError('forbidden', 'only its owner or an administrator of the tenant may stop a query', {
        query_id: queryId,
      });
    query.cancel(new HybridStoreError('gone', `query ${queryId} was cancelled`, { query_id: queryId }));
  }

  #describe(query: ActiveQuery): RunningQuery {
    return {
      query_id: query.queryId,
      tenant_id: query.tenantId,
      subject: query.subject,
      state: query.state,
      query: query.text.slice(0, textCharactersMax),
      started_at: new Date(query.startedAtMs).toISOString(),
      elapsed_ms: this.#clock.monotonicMs() - query.startedMs,
      deadline_ms: query.timeoutMs,
    };
  }
}

function mayHandle(query: ActiveQuery, caller: TenantCaller): boolean {
  if (query.subject === caller.subject) return true;
  return caller.permissions.some((permission) => permission.actions.includes('admin'));
}
