import { type SourceDefinition, sourceIdPattern } from '@hybridstore/contracts';
import {
  type Clock,
  HybridStoreError,
  isHybridStoreError,
  type Logger,
  retryLater,
  SingleFlight,
} from '@hybridstore/runtime';
import { SourceTable } from './source-table.ts';
import { deleteBelow, newestBelow } from './store/below.ts';
import type { ObjectStore } from './store/ports.ts';
import { commitKey } from './table-log/log-names.ts';
import type { Snapshot } from './table-log/snapshot.ts';
import { createTableActions } from './table-log/table-actions.ts';
import { TableLog, type TableLogOptions } from './table-log/table-log.ts';
import {
  pointerName,
  sourcePrefix,
  type TablePointer,
  TablePointers,
  tablesPrefix,
  type VersionedPointer,
} from './table-pointers.ts';
import { sourceIdOfKey } from './wal/segment-summary.ts';

export type SourceTablesOptions = Pick<
  TableLogOptions,
  'checkpointWriter' | 'commitsPerCheckpoint' | 'onConflict' | 'random'
> & {
  readonly store: ObjectStore;
  readonly appId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ids of tables: UUIDs. */
  readonly createId: () => string;
};

const restartRetryMs = 10_000;
const awayRetryMs = 1_000;
const loadsMax = 20;
/** Tables that are read at once at the start, each a dozen calls of the disk one after the other. */
const readsMax = 8;
/** Longest wait of a write for the shared volume to say that its source is still there. */
const aliveMsMax = 1_000;
const sourceIdShape = new RegExp(sourceIdPattern);

/**
 * The sources as this node knows them. Other nodes create, change and delete them on the shared volume at any time, so
 * each look asks the pointer which table a source has, and the table log for its newest version.
 */
export class SourceTables {
  readonly #options: SourceTablesOptions;
  readonly #pointers: TablePointers;
  readonly #known = new Map<string, SourceTable>();
  readonly #loading = new SingleFlight<string, SourceTable>();
  /** Sources whose table could not be read at the start: their frames must stay in the log. */
  readonly #unreadable = new Set<string>();
  /** Tables with frames in the log that were not there, or not readable, at the start, and their highest LSN. */
  readonly #unreplayed = new Map<string, number>();

  constructor(options: SourceTablesOptions) {
    this.#options = options;
    this.#pointers = new TablePointers(options.store);
  }

  /** Those that were looked at, by source, without another look. */
  get known(): ReadonlyMap<string, SourceTable> {
    return this.#known;
  }

  /** Reads all tables that there are, some at a time. One that cannot be read keeps no other from being used. */
  async readAll(): Promise<void> {
    const sourceIds = (await this.list()).values();
    const readEach = async () => {
      // All of them take from this one iterator.
      for (const sourceId of sourceIds) {
        try {
          await this.find(sourceId);
        } catch (error) {
          this.#unreadable.add(sourceId);
          this.#options.logger.error('table_unreadable', { source: sourceId, error });
        }
      }
    };
    await Promise.all(Array.from({ length: readsMax }, readEach));
  }

  /** Called once after the replay: tables of the log, with their highest LSN, that are not known were not replayed. */
  noteReplayed(tablesOfLog: ReadonlyMap<string, number>): void {
    const replayed = new Set([...this.#known.values()].map((table) => table.key));
    for (const [key, lastLsn] of tablesOfLog) if (!replayed.has(key)) this.#unreplayed.set(key, lastLsn);
  }

  /** Whether the log holds rows of a table that could not be read at the start: they are in no memory. */
  get hasUnreadable(): boolean {
    return [...this.#unreplayed.keys()].some((key) => this.#unreadable.has(sourceIdOfKey(key)));
  }

  /** Throws when logged rows of a table that could not be read at the start are in no memory that a flush could commit. */
  async requireAllReplayed(): Promise<void> {
    const sourceIds = new Set([...this.#unreplayed.keys()].map(sourceIdOfKey));
    for (const sourceId of sourceIds) await this.find(sourceId);
  }

  /** Ids of the sources that the shared volume knows, also of some that were deleted. */
  async list(): Promise<string[]> {
    const names = await this.#options.store.list(tablesPrefix);
    const ids = names.flatMap((name) => (name.endsWith('/') ? [name.slice(0, -1)] : []));
    // Pointers are never removed.
    if (ids.length === 0 && this.#known.size > 0)
      throw retryLater(
        'unavailable',
        `${tablesPrefix}/ is empty: is the volume of the tables mounted?`,
        restartRetryMs,
      );
    return ids.filter((id) => sourceIdShape.test(id));
  }

  /** The table at its newest version; a source that was deleted and created again gets a new table here. */
  async newest(sourceId: string): Promise<SourceTable> {
    const known = this.#known.get(sourceId);
    if (known) {
      if (await known.refresh()) return known;
      this.forget(known);
    }
    return this.#loading.run(sourceId, () => this.#load(sourceId));
  }

  async find(sourceId: string): Promise<SourceTable | undefined> {
    try {
      return await this.newest(sourceId);
    } catch (error) {
      if (isHybridStoreError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  /** Undefined when the source exists, or when another node was faster. */
  async create(definition: SourceDefinition): Promise<SourceTable | undefined> {
    const sourceId = definition.source_id;
    const before = await this.#pointers.read(sourceId);
    if (before && before.pointer.location !== null) return undefined;
    const { createId, clock } = this.#options;
    const id = createId();
    const log = this.#openLog(`${sourcePrefix(sourceId)}/${id}`);
    const first = createTableActions(definition, { id, nowMs: clock.now() });
    const snapshot = await log.create(first);
    const pointer = await this.#pointers.point(sourceId, { table_id: id, location: log.location }, before);
    if (pointer) {
      // Whoever took the location for an abandoned one, in the moment before it had a pointer, has taken this away.
      const isThere = await this.#options.store.stat(commitKey(log.location, 0));
      if (!isThere && !(await this.#pointers.isReplaced(sourceId, pointer.version))) await log.create(first);
      return this.#adopt({ log, snapshot, pointer });
    }
    await deleteBelow(this.#options.store, log.location);
    return undefined;
  }

  /** False when another node has deleted it before. */
  async delete(table: SourceTable): Promise<boolean> {
    const deleted = { table_id: table.tableId, location: null };
    const isOurs = (await this.#pointers.point(table.sourceId, deleted, table.pointer)) !== undefined;
    this.forget(table);
    if (isOurs) await this.#deleteObjects(table.location, table.sourceId);
    return isOurs;
  }

  forget(table: SourceTable): void {
    if (this.#known.get(table.sourceId) !== table) return;
    this.#known.delete(table.sourceId);
    this.#options.logger.info('source_forgotten', { source: table.sourceId, unflushedRows: table.memory.rows });
  }

  /** Which of the tables are no more. A store that does not answer says nothing: rows are safe in the log, and writes need no shared volume. */
  async findGone(keys: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const { clock, logger } = this.#options;
    const gone = new Set<string>();
    const looked = Promise.all(
      [...keys].map(async (key) => {
        const table = this.#known.get(sourceIdOfKey(key));
        // Forgotten since it was encoded for: another look has found it gone.
        if (table?.key !== key || !(await table.isAlive())) gone.add(key);
      }),
    );
    return new Promise((resolve) => {
      const cancel = clock.schedule(aliveMsMax, () => resolve(new Set()));
      looked
        .catch((error: unknown) => logger.warn('table_not_looked_at', { error }))
        .finally(() => {
          cancel();
          resolve(gone);
        });
    });
  }

  /** Whether the log need not keep the frames of a table up to this LSN. */
  isCommitted(key: string, lastLsn: number): boolean {
    const sourceId = sourceIdOfKey(key);
    const table = this.#known.get(sourceId);
    if (table?.key === key) return table.memory.isCommitted(lastLsn);
    return !this.#unreadable.has(sourceId);
  }

  /**
   * Removes tables that no pointer leads to: what a node left that died while it created or deleted a source, or that
   * committed to one that was being deleted. Those that may be in the making are left for `graceMs`.
   */
  async removeAbandoned(graceMs: number): Promise<void> {
    for (const sourceId of await this.list()) {
      const names = (await this.#options.store.list(sourcePrefix(sourceId))).filter((name) => name.endsWith('/'));
      const current = (await this.#pointers.read(sourceId))?.pointer.location;
      const locations = names.map((name) => `${sourcePrefix(sourceId)}/${name.slice(0, -1)}`);
      const others = locations.filter((location) => tableIdShape.test(location) && location !== current);
      for (const location of others) await this.#removeIfAbandoned(sourceId, location, graceMs);
    }
  }

  async #removeIfAbandoned(sourceId: string, location: string, graceMs: number): Promise<void> {
    const { store, logger } = this.#options;
    // By its youngest object: that it has no first commit says nothing, which may be on its way.
    const youngestMs = await newestBelow(store, location);
    if (youngestMs === undefined || (await store.nowMs()) - youngestMs < graceMs) return;
    // Once more: it may have been in the making, and a clock may have jumped.
    if ((await this.#pointers.read(sourceId))?.pointer.location === location) return;
    await deleteBelow(store, location);
    logger.info('abandoned_table_removed', { location });
  }

  async #load(sourceId: string): Promise<SourceTable> {
    if (!sourceIdShape.test(sourceId)) throw unknownSource(sourceId);
    for (let attempt = 1; attempt <= loadsMax; attempt += 1) {
      const pointer = (await this.#pointers.read(sourceId)) ?? (await this.#pointAtOlderTable(sourceId));
      if (!pointer || pointer.pointer.location === null) throw unknownSource(sourceId);
      const table = await this.#open(sourceId, pointer, pointer.pointer.location);
      if (table) return table;
    }
    throw retryLater('unavailable', `source ${sourceId} is created and deleted all the time`, awayRetryMs);
  }

  /** Undefined when the table was deleted while it was read. */
  async #open(sourceId: string, pointer: VersionedPointer, location: string): Promise<SourceTable | undefined> {
    const log = this.#openLog(location);
    try {
      return this.#adopt({ log, snapshot: await log.refresh(), pointer });
    } catch (error) {
      if (await this.#pointers.isReplaced(sourceId, pointer.version)) return undefined;
      // The pointer is there, so a table that is not is damage, and no unknown source.
      if (!isHybridStoreError(error, 'not_found')) throw error;
      throw new HybridStoreError('corrupt', error.message, error.details, { cause: error });
    }
  }

  /** Tables of before the pointers lie directly below the source's prefix, and stay there. */
  async #pointAtOlderTable(sourceId: string): Promise<VersionedPointer | undefined> {
    const location = sourcePrefix(sourceId);
    if ((await this.#options.store.list(`${location}/_delta_log`)).length === 0) return undefined;
    const { metadata } = await this.#openLog(location).refresh();
    const pointer: TablePointer = { table_id: metadata.id, location };
    return (await this.#pointers.point(sourceId, pointer, undefined)) ?? this.#pointers.read(sourceId);
  }

  #openLog(location: string): TableLog {
    return new TableLog({ ...this.#options, location });
  }

  #adopt(found: {
    readonly log: TableLog;
    readonly snapshot: Snapshot;
    readonly pointer: VersionedPointer;
  }): SourceTable {
    const table = new SourceTable({
      ...found,
      pointers: this.#pointers,
      appId: this.#options.appId,
      store: this.#options.store,
    });
    const known = this.#known.get(table.sourceId);
    if (known?.tableId === table.tableId) return known;
    if (known) this.forget(known);
    this.#requireReplayed(table);
    this.#known.set(table.sourceId, table);
    return table;
  }

  /** A commit of newer rows would declare the rows that wait in the log committed, so such a table waits for a restart. */
  #requireReplayed(table: SourceTable): void {
    if ((this.#unreplayed.get(table.key) ?? 0) <= table.memory.committedLsn) return;
    throw retryLater(
      'unavailable',
      `source ${table.sourceId} was not readable when this node started; its logged rows come back with a restart`,
      restartRetryMs,
      { source_id: table.sourceId },
    );
  }

  async #deleteObjects(location: string, sourceId: string): Promise<void> {
    const { store } = this.#options;
    if (location !== sourcePrefix(sourceId)) return deleteBelow(store, location);
    await deleteBelow(store, `${location}/_delta_log`);
    const names = (await store.list(location)).filter((name) => !name.endsWith('/') && name !== pointerName);
    for (const name of names) await store.delete(`${location}/${name}`);
  }
}

const tableIdShape = /\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function unknownSource(sourceId: string): HybridStoreError {
  return new HybridStoreError('not_found', `source ${sourceId} does not exist`, { source_id: sourceId });
}
