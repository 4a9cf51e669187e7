import { createHash } from 'node:crypto';
import type { PlanSchemas } from '@hybridstore/plan';
import {
  assert,
  type Clock,
  HybridStoreError,
  LatestRun,
  type Logger,
  LruCache,
  Semaphore,
  SingleFlight,
  type TenantCaller,
} from '@hybridstore/runtime';
import type { CatalogPort, NodeSources, SourceColumns, SourceList } from './ports.ts';

/** Schemas that a caller may read, with a name of exactly this state of them. */
export type Schemas = { readonly byId: PlanSchemas; readonly version: string };

/** `list`: the name of the list that these are; none once a source was looked at by itself. */
type Held = Schemas & { readonly list: string | undefined; readonly readAtMs: number };

const callersMax = 1_000;
/** A name that is not known is looked for at once, and so is what `*` means. */
export const schemaAgeMsMax = 5_000;
/**
 * How old schemas may be while the catalog is away: it is one process, and its volume may have to follow it to another
 * machine. Columns are only ever added, so an older list knows too little, never something wrong.
 */
export const staleAgeMsMax = 300_000;
/** Where something else will do, the catalog gets this long to answer: a machine that is gone refuses no connection. */
export const refreshMsMax = 250;
/** A catalog that was away is left alone for so long. */
export const awayMs = 1_000;
/** Callers that are not known here wait for the catalog or a node so long. */
export const firstReadMsMax = 15_000;
const firstReadPauseMs = 200;
const looksRunningMax = 16;
const looksWaitingMax = 1_000;

export type SchemaSourceOptions = {
  readonly catalog: CatalogPort;
  readonly nodes: NodeSources;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** A statement gets schemas that are older than they should be. */
  readonly onStale?: () => void;
};

/**
 * Schemas by caller: two callers share an entry only when tenant and permissions are the same, so that permissions are never
 * those of before. While the catalog is away the schemas that were read last go on, up to their greatest age, and the tenant's
 * nodes are asked for those that nobody has read here yet.
 */
export class SchemaSource {
  readonly #catalog: CatalogPort;
  readonly #nodes: NodeSources;
  readonly #clock: Clock;
  readonly #options: SchemaSourceOptions;
  readonly #held = new LruCache<string, Held>(callersMax);
  readonly #flights = new SingleFlight<string, Held>();
  readonly #nodeFlights = new SingleFlight<string, Held>();
  readonly #looks = new LatestRun<string, SourceColumns | undefined>();
  readonly #looking = new Semaphore({ running: looksRunningMax, waiting: looksWaitingMax });

  /** When the catalog may be asked again. */
  #awayUntilMs = Number.NEGATIVE_INFINITY;
  #isAway = false;

  constructor(options: SchemaSourceOptions) {
    this.#options = options;
    this.#catalog = options.catalog;
    this.#nodes = options.nodes;
    this.#clock = options.clock;
  }

  async schemas(caller: TenantCaller): Promise<Schemas> {
    const held = this.#held.get(callerKey(caller));
    const ageMs = held ? this.#clock.monotonicMs() - held.readAtMs : Number.POSITIVE_INFINITY;
    if (!held || ageMs >= staleAgeMsMax) return this.#readFirst(caller);
    return ageMs < schemaAgeMsMax ? held : this.#refresh(caller, held);
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
        this.#looks.run(`${key} ${id}`, () => this.#looking.run(async () => this.#look(caller, id))),
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

  /** Those of the catalog where it answers soon, else the ones that are held. */
  async #refresh(caller: TenantCaller, held: Held): Promise<Schemas> {
    const read = await this.#readSoon(caller);
    if (read) return read;
    this.#options.onStale?.();
    return this.#held.get(callerKey(caller)) ?? held;
  }

  /** There is nothing else to go by: asked again while the catalog is replaced and no node answers either. */
  async #readFirst(caller: TenantCaller): Promise<Held> {
    const endMs = this.#clock.monotonicMs() + firstReadMsMax;
    for (;;) {
      try {
        return (await this.#readSoon(caller)) ?? (await this.#readAtNodes(caller));
      } catch (error) {
        if (!isTemporary(error) || this.#clock.monotonicMs() + firstReadPauseMs >= endMs) throw error;
        await this.#clock.sleep(firstReadPauseMs);
        // Nobody else answers either, so it is not left alone.
        this.#awayUntilMs = Number.NEGATIVE_INFINITY;
      }
    }
  }

  async #readSoon(caller: TenantCaller): Promise<Held | undefined> {
    return (await this.#soon(() => this.#read(caller)))?.answer;
  }

  /** What the catalog answers, or undefined where it is away or does not answer soon. */
  async #soon<T>(ask: () => Promise<T>): Promise<{ readonly answer: T } | undefined> {
    if (this.#clock.monotonicMs() < this.#awayUntilMs) return undefined;
    let cancel = () => {};
    const late = new Promise<undefined>((resolve) => {
      cancel = this.#clock.schedule(refreshMsMax, () => {
        this.#noteAway('deadline_exceeded');
        resolve(undefined);
      });
    });
    // Whoever waits no more must not leave a rejection behind.
    const asked = ask().then(
      (answer) => ({ answer }),
      (error: unknown) => {
        if (isTemporary(error)) return undefined;
        throw error;
      },
    );
    return Promise.race([asked, late]).finally(cancel);
  }

  #noteAway(reason: string): void {
    this.#awayUntilMs = this.#clock.monotonicMs() + awayMs;
    if (!this.#isAway) this.#options.logger.warn('catalog_away', { reason, schemas_used_ms_max: staleAgeMsMax });
    this.#isAway = true;
  }

  #noteBack(): void {
    this.#awayUntilMs = Number.NEGATIVE_INFINITY;
    if (this.#isAway) this.#options.logger.info('catalog_back');
    this.#isAway = false;
  }

  async #ask<T>(task: () => Promise<T>): Promise<T> {
    try {
      const answer = await task();
      this.#noteBack();
      return answer;
    } catch (error) {
      if (isTemporary(error)) this.#noteAway(error.code);
      throw error;
    }
  }

  /** At the tenant's nodes, through the catalog where that is there. */
  async #look(caller: TenantCaller, sourceId: string): Promise<SourceColumns | undefined> {
    const seen = await this.#soon(() => this.#ask(() => this.#catalog.source(caller.token, sourceId)));
    if (seen) return seen.answer;
    return (await this.#nodes.sources(caller)).find(({ source_id: id }) => id === sourceId);
  }

  #read(caller: TenantCaller): Promise<Held> {
    const key = callerKey(caller);
    return this.#flights.run(key, async () => {
      const known = this.#held.get(key);
      const list = await this.#ask(() => this.#catalog.sourcesIfChanged(caller.token, known?.list));
      // Sources may have been looked at meanwhile.
      const held = { ...schemasOf(list, this.#held.get(key) ?? known), readAtMs: this.#clock.monotonicMs() };
      this.#held.set(key, held);
      return held;
    });
  }

  #readAtNodes(caller: TenantCaller): Promise<Held> {
    const key = callerKey(caller);
    return this.#nodeFlights.run(key, async () => {
      const sources = await this.#nodes.sources(caller);
      // The catalog may have answered meanwhile.
      const held = this.#held.get(key) ?? {
        ...describe(new Map(sources.map(toSchema))),
        list: undefined,
        readAtMs: this.#clock.monotonicMs(),
      };
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

const temporaryCodes: ReadonlySet<string> = new Set(['unavailable', 'overloaded', 'deadline_exceeded']);

/** Whether the catalog may answer another time; what it refuses for good is an answer. */
export function isTemporary(error: unknown): error is HybridStoreError {
  return error instanceof HybridStoreError && temporaryCodes.has(error.code);
}

function toSchema(source: SourceColumns) {
  return [source.source_id, { columns: columnsOf(source) }] as const;
}

function columnsOf({ columns }: SourceColumns) {
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
