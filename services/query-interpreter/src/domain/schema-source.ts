import { createHash } from 'node:crypto';
import type { CatalogSource } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { type Clock, LruCache, SingleFlight, type TenantCaller } from '@hybridstore/runtime';
import type { CatalogPort } from './ports.ts';

/** Schemas that a caller may read, with a name of exactly this state of them. */
export type Schemas = { readonly byId: PlanSchemas; readonly version: string };

type Held = Schemas & { readonly readAtMs: number; readonly isRefreshed: boolean };

const callersMax = 1_000;
/** A column that was added shows at the latest after this; a name that is not known is looked for at once. */
export const schemaAgeMsMax = 5_000;
/** A caller who names unknown tables all the time makes the catalog read its nodes at most this often. */
export const refreshPauseMs = 1_000;

/** Schemas by caller: two callers share an entry only when tenant and permissions are the same. */
export class SchemaSource {
  readonly #catalog: CatalogPort;
  readonly #clock: Clock;
  readonly #held = new LruCache<string, Held>(callersMax);
  readonly #flights = new SingleFlight<string, Held>();

  constructor(catalog: CatalogPort, clock: Clock) {
    this.#catalog = catalog;
    this.#clock = clock;
  }

  async schemas(caller: TenantCaller): Promise<Schemas> {
    const held = this.#held.get(callerKey(caller));
    if (held && this.#age(held) < schemaAgeMsMax) return held;
    return this.#read(caller, false);
  }

  /** Newer schemas than `seen`, or undefined when there are none to be had now. */
  async newerThan(seen: Schemas, caller: TenantCaller): Promise<Schemas | undefined> {
    const held = this.#held.get(callerKey(caller));
    if (held?.isRefreshed && this.#age(held) < refreshPauseMs) return held.version === seen.version ? undefined : held;
    const fresh = await this.#read(caller, true);
    return fresh.version === seen.version ? undefined : fresh;
  }

  #age(held: Held): number {
    return this.#clock.monotonicMs() - held.readAtMs;
  }

  #read(caller: TenantCaller, refresh: boolean): Promise<Held> {
    const key = callerKey(caller);
    return this.#flights.run(`${refresh} ${key}`, async () => {
      const sources = await this.#catalog.sources(caller.token, { refresh });
      const held = { ...describe(sources), readAtMs: this.#clock.monotonicMs(), isRefreshed: refresh };
      this.#held.set(key, held);
      return held;
    });
  }
}

function callerKey({ tenant, permissions }: TenantCaller): string {
  return JSON.stringify([tenant, permissions]);
}

function describe(sources: readonly CatalogSource[]): Schemas {
  const sorted = [...sources].sort((a, b) => (a.source_id < b.source_id ? -1 : 1));
  const described = sorted.map(
    ({ source_id, columns }) => [source_id, columns.map(({ name, type }) => ({ name, type }))] as const,
  );
  return {
    byId: new Map(described.map(([id, columns]) => [id, { columns }])),
    version: createHash('sha256').update(JSON.stringify(described)).digest('base64url'),
  };
}
