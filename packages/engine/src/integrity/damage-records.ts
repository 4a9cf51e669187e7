import { type Clock, type Logger, sealJson } from '@hybridstore/runtime';
import type { ObjectStore } from '../store/ports.ts';

/**
 * What was found damaged, written down beside the table, so that every node says the same, also after a restart:
 *
 *     _damaged/<name>.json     name of a segment, of a commit or of a checkpoint
 *
 * A record goes when the object is what was written again, or is not part of the table any more.
 */
export type DamageRecordsOptions = {
  readonly store: Pick<ObjectStore, 'overwrite' | 'list' | 'delete'>;
  readonly clock: Clock;
  readonly logger: Logger;
};

type Place = { readonly sourceId: string; readonly location: string };
export type Damage = { readonly name: string; readonly reason: string };

/** One table may lose all its files at once. */
const recordsMax = 1_000;
const suffix = '.json';

export class DamageRecords {
  readonly #options: DamageRecordsOptions;
  /** Names by location, as this process has written them. */
  readonly #written = new Map<string, Set<string>>();

  constructor(options: DamageRecordsOptions) {
    this.#options = options;
  }

  /** In how many tables this process knows of damage, and of how many objects. */
  get count(): number {
    return [...this.#written.values()].reduce((sum, names) => sum + names.size, 0);
  }

  async note(table: Place, { name, reason }: Damage): Promise<void> {
    const names = this.#written.get(table.location) ?? new Set();
    this.#written.set(table.location, names);
    if (names.has(name) || names.size >= recordsMax) return;
    names.add(name);
    const { store, clock, logger } = this.#options;
    logger.error('damage_found', { source: table.sourceId, object: name, reason });
    const key = recordKey(table.location, name);
    const record = { source_id: table.sourceId, name, reason, found_at: new Date(clock.now()).toISOString() };
    await store
      .overwrite(key, Buffer.from(sealJson(record, key)))
      .catch((error: unknown) => logger.warn('damage_not_recorded', { key, error }));
  }

  /** Names of damaged objects, whichever node found them. */
  async list({ location }: Pick<Place, 'location'>): Promise<readonly string[]> {
    const names = await this.#options.store.list(recordsPrefix(location));
    const recorded = names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
    return [...new Set([...recorded, ...(this.#written.get(location) ?? [])])].sort();
  }

  /** Forgets all but those that were found just now. */
  async keepOnly(table: Place, found: ReadonlySet<string>): Promise<void> {
    for (const name of await this.list(table)) {
      if (found.has(name)) continue;
      await this.#options.store.delete(recordKey(table.location, name));
      this.#written.get(table.location)?.delete(name);
    }
    if (this.#written.get(table.location)?.size === 0) this.#written.delete(table.location);
  }
}

function recordsPrefix(location: string): string {
  return `${location}/_damaged`;
}

function recordKey(location: string, name: string): string {
  return `${recordsPrefix(location)}/${name.replaceAll('/', '.')}${suffix}`;
}
