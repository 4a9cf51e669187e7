import type { ScanStatistics } from '@hybridstore/contracts';
import type { PlanSchemas, ScanPredicates } from '@hybridstore/plan';
import { type Clock, HybridStoreError, isHybridStoreError, LruCache, retryLater } from '@hybridstore/runtime';
import type { CatalogPort } from './ports.ts';

export type KnownStatistics = { readonly byAlias: ReadonlyMap<string, ScanStatistics>; readonly isCached: boolean };

const tenantsMax = 1_000;
const statisticsMax = 2_000;

/** Beside statistics that will do, the catalog gets so long to answer: a machine that is gone refuses no connection. */
export const refreshMsMax = 200;
/** Beside nothing it gets this long: a query waits for a better plan no longer than that is worth, and runs without one. */
export const firstMsMax = 500;
/** A catalog that was away is left alone for so long. */
export const awayMs = 1_000;

type Aged<T> = { readonly value: T; readonly atMs: number };

/**
 * Schemas and statistics from the catalog. Schemas only grow, so a known one serves until it is too old or lacks a
 * source. Statistics are asked for each time; while the catalog is away the last ones serve, up to their greatest age.
 */
export class StatisticsSource {
  readonly #catalog: CatalogPort;
  readonly #clock: Clock;
  readonly #schemaAgeMsMax: number;
  readonly #statisticsAgeMsMax: number;
  readonly #schemas = new LruCache<string, Aged<PlanSchemas>>(tenantsMax);
  #awayUntilMs = Number.NEGATIVE_INFINITY;
  readonly #statistics = new LruCache<string, Aged<readonly ScanStatistics[]>>(statisticsMax);

  constructor(options: {
    readonly catalog: CatalogPort;
    readonly clock: Clock;
    readonly schemaAgeMsMax: number;
    readonly statisticsAgeMsMax: number;
  }) {
    this.#catalog = options.catalog;
    this.#clock = options.clock;
    this.#schemaAgeMsMax = options.schemaAgeMsMax;
    this.#statisticsAgeMsMax = options.statisticsAgeMsMax;
  }

  /** Schemas that hold every one of the sources, or `invalid_request` naming the first that the tenant lacks. */
  async schemas(input: {
    readonly tenantId: string;
    readonly token: string;
    readonly sources: readonly string[];
  }): Promise<PlanSchemas> {
    const known = this.#schemas.get(input.tenantId);
    const lacks = (schemas: PlanSchemas) => input.sources.find((source) => !schemas.has(source));
    if (known && this.#ageOf(known) <= this.#schemaAgeMsMax && lacks(known.value) === undefined) return known.value;
    const sources = await this.#ask(() => this.#catalog.sources(input.token), firstMsMax);
    const seen: PlanSchemas = new Map(sources.map((source) => [source.source_id, { columns: source.columns }]));
    // Another user may see other sources of the same tenant: what was known stays known.
    const value: PlanSchemas = new Map([...(known?.value ?? []), ...seen]);
    this.#schemas.set(input.tenantId, { value, atMs: this.#clock.monotonicMs() });
    const missing = lacks(value);
    if (missing !== undefined)
      throw new HybridStoreError('invalid_request', `query_plan.tables: source ${missing} does not exist`, {
        field: 'query_plan.tables',
        source_id: missing,
      });
    return value;
  }

  async statistics(input: {
    readonly tenantId: string;
    readonly token: string;
    readonly scans: readonly ScanPredicates[];
  }): Promise<KnownStatistics> {
    const request = {
      scans: input.scans.map(({ source, predicates }) => ({ source_id: source, predicates: [...predicates] })),
    };
    const byAlias = (list: readonly ScanStatistics[]) =>
      new Map(input.scans.flatMap((scan, index) => (list[index] ? [[scan.alias, list[index]] as const] : [])));
    if (request.scans.length === 0) return { byAlias: new Map(), isCached: false };
    const key = `${input.tenantId}|${JSON.stringify(request)}`;
    const held = this.#statistics.get(key);
    const last = held && this.#ageOf(held) <= this.#statisticsAgeMsMax ? held : undefined;
    try {
      const value = await this.#ask(
        () => this.#catalog.statistics(input.token, request),
        last ? refreshMsMax : firstMsMax,
      );
      this.#statistics.set(key, { value, atMs: this.#clock.monotonicMs() });
      return { byAlias: byAlias(value), isCached: false };
    } catch (error) {
      if (!isAway(error) || !last) throw error;
      return { byAlias: byAlias(last.value), isCached: true };
    }
  }

  /** Everybody can do without it, so where it was away just now nobody waits. */
  async #ask<T>(ask: () => Promise<T>, waitMsMax: number): Promise<T> {
    if (this.#clock.monotonicMs() < this.#awayUntilMs) throw catalogAway();
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.#clock.schedule(waitMsMax, () => reject(catalogAway()));
    });
    const asked = ask();
    // Whoever waits no more must not leave a rejection behind.
    asked.catch(() => {});
    try {
      return await Promise.race([asked, late]);
    } catch (error) {
      if (isAway(error)) this.#awayUntilMs = this.#clock.monotonicMs() + awayMs;
      throw error;
    } finally {
      cancel();
    }
  }

  #ageOf(aged: Aged<unknown>): number {
    return this.#clock.monotonicMs() - aged.atMs;
  }
}

function catalogAway(): HybridStoreError {
  return retryLater('unavailable', 'the metadata catalog is away', awayMs);
}

function isAway(error: unknown): boolean {
  const codes = ['unavailable', 'deadline_exceeded', 'overloaded'] as const;
  return codes.some((code) => isHybridStoreError(error, code));
}
