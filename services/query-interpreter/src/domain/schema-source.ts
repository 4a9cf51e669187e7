import { createHash } from 'node:crypto';
import type { CatalogSource } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import {
  assert,
  type Clock,
  LatestRun,
  LruCache,
  Semaphore,
  SingleFlight,
  type TenantCaller,
} from '@hybridstore/runtime';
import type { CatalogPort, SourceList } from './ports.ts';

/** Schemas that a caller may read, with a name of exactly this state of them. */
export type Schemas = { readonly byId: PlanSchemas; readonly version: string };

/** `list`: the name of the list that these are; none once a source was looked at by itself. */
type Held = Schemas & { readonly list: string | undefined; readonly readAtMs: number };

const callersMax = 1_000;
/** A name that is not known is looked for at once, and so is what `*` means. */
export const schemaAgeMsMax = 5_000;
const looksRunningMax = 16;
const looksWaitingMax = 1_000;

/** Schemas by caller: two callers share an entry only when tenant and permissions are the same. */
export class SchemaSource {
  readonly #catalog: CatalogPort;
  readonly #clock: Clock;
  readonly #held = new LruCache<string, Held>(callersMax);
  readonly #flights = new SingleFlight<string, Held>();
  readonly #looks = new LatestRun<string, CatalogSource | undefined>();
  readonly #looking = new Semaphore({ running: looksRunningMax, waiting: looksWaitingMax });

  constructor(catalog: CatalogPort, clock: Clock) {
    this.#catalog = catalog;
    this.#clock = clock;
  }

  async schemas(caller: TenantCaller): Promise<Schemas> {
    const held = this.#held.get(callerKey(caller));
    return held && this.#clock.monotonicMs() - held.readAtMs < schemaAgeMsMax ? held : this.#read(caller);
  }

  /**
   * Schemas after a look at these sources, or undefined when they are as they were seen. Nothing is remembered of what was
   * not found: a source may be made the moment after. Everybody who waits for a source shares one look, which began after
   * he asked.
   */
  async newerThan(seen: Schemas, caller: TenantCaller, sourceIds: readonly string[]): Promise<Schemas | undefined> {
    const key = callerKey(caller);
    const found = await Promise.all(
      sourceIds.map((id) =>
        this.#looks.run(`${key} ${id}`, () => this.#looking.run(() => this.#catalog.source(caller.token, id))),
      ),
    );
    const held = this.#held.get(key) ?? (await this.#read(caller));
    const byId = new Map(held.byId);
    for (const [index, id] of sourceIds.entries()) {
      const source = found[index];
      if (source) byId.set(id, { columns: columnsOf(source) });
      else byId.delete(id);
    }
    const newer = describe(byId);
    if (newer.version !== held.version) this.#held.set(key, { ...newer, list: undefined, readAtMs: held.readAtMs });
    return newer.version === seen.version ? undefined : newer;
  }

  #read(caller: TenantCaller): Promise<Held> {
    const key = callerKey(caller);
    return this.#flights.run(key, async () => {
      const known = this.#held.get(key);
      const list = await this.#catalog.sourcesIfChanged(caller.token, known?.list);
      // Sources may have been looked at meanwhile.
      const held = { ...schemasOf(list, this.#held.get(key) ?? known), readAtMs: this.#clock.monotonicMs() };
      this.#held.set(key, held);
      return held;
    });
  }
}

/** Of a list that has not changed, what was made of it. */
function schemasOf(list: SourceList | undefined, known: Held | undefined): Omit<Held, 'readAtMs'> {
  if (list) return { ...describe(new Map(list.sources.map(toSchema))), list: list.name };
  assert(known, 'a list is unchanged only beside one that is known');
  return known;
}

function toSchema(source: CatalogSource) {
  return [source.source_id, { columns: columnsOf(source) }] as const;
}

function columnsOf({ columns }: CatalogSource) {
  return columns.map(({ name, type, collation }) => ({
    name,
    type,
    ...(collation === undefined ? {} : { collation }),
  }));
}

function callerKey({ tenant, permissions }: TenantCaller): string {
  return JSON.stringify([tenant, permissions]);
}

function describe(byId: PlanSchemas): Schemas {
  const sorted = [...byId].sort(([a], [b]) => (a < b ? -1 : 1));
  const described = sorted.map(([id, { columns }]) => [id, columns]);
  return { byId: new Map(sorted), version: createHash('sha256').update(JSON.stringify(described)).digest('base64url') };
}
