import { sourceIdPattern } from '@hybridstore/contracts';
import {
  type Clock,
  HybridStoreError,
  isHybridStoreError,
  type Logger,
  retryLater,
  SingleFlight,
} from '@hybridstore/runtime';
import type { ObjectStore } from './object-store/object-store.ts';
import { SourceTable, tablesFolder } from './source-table.ts';
import type { Snapshot } from './table-log/snapshot.ts';
import { TableLog, type TableLogOptions } from './table-log/table-log.ts';
import { sourceIdOfKey } from './wal/segment-summary.ts';

export type SourceTablesOptions = Pick<
  TableLogOptions,
  'checkpointWriter' | 'commitsPerCheckpoint' | 'onConflict' | 'random'
> & {
  readonly store: ObjectStore;
  readonly dataFolder: string;
  readonly appId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The table is no more: what waits to be flushed for it has nowhere to go. */
  readonly onForgotten: (table: SourceTable) => void;
};

const restartRetryMs = 10_000;
/** Longest wait of a write for the shared volume to say that its source is still there. */
const aliveMsMax = 1_000;
const sourceIdShape = new RegExp(sourceIdPattern);

/**
 * The sources as this node knows them. Other nodes create, change and delete them on the shared volume at any time, so
 * each look asks the table log for its newest version, and a source that was deleted and made anew is another table.
 */
export class SourceTables {
  readonly #options: SourceTablesOptions;
  readonly #known = new Map<string, SourceTable>();
  readonly #loading = new SingleFlight<string, SourceTable>();
  /** Sources whose table could not be read at the start: their frames must stay in the log. */
  readonly #unreadable = new Set<string>();
  /** Tables with frames in the log that were not there, or not readable, at the start, and their highest LSN. */
  readonly #unreplayed = new Map<string, number>();

  constructor(options: SourceTablesOptions) {
    this.#options = options;
  }

  /** Those that were looked at, by source, without another look. */
  get known(): ReadonlyMap<string, SourceTable> {
    return this.#known;
  }

  /** Reads all tables that there are. One that cannot be read keeps no other from being used. */
  async readAll(): Promise<void> {
    for (const sourceId of await this.list()) {
      try {
        await this.find(sourceId);
      } catch (error) {
        this.#unreadable.add(sourceId);
        this.#options.logger.error('table_unreadable', { source: sourceId, error });
      }
    }
  }

  /** Called once after the replay: tables of the log, with their highest LSN, that are not known were not replayed. */
  noteReplayed(tablesOfLog: ReadonlyMap<string, number>): void {
    const replayed = new Set([...this.#known.values()].map((table) => table.key));
    for (const [key, lastLsn] of tablesOfLog) if (!replayed.has(key)) this.#unreplayed.set(key, lastLsn);
  }

  /** Throws when logged rows of a table that could not be read at the start are in no memory that a flush could commit. */
  async requireAllReplayed(): Promise<void> {
    const sourceIds = new Set([...this.#unreplayed.keys()].map(sourceIdOfKey));
    for (const sourceId of sourceIds) await this.find(sourceId);
  }

  /** Ids of the sources on the shared volume. */
  async list(): Promise<string[]> {
    const { store } = this.#options;
    const names = (await store.list(tablesFolder)).filter((name) => sourceIdShape.test(name));
    if (names.length === 0 && this.#known.size > 0 && !(await store.hasFolder(tablesFolder)))
      throw retryLater('unavailable', 'the volume of the tables is away', restartRetryMs);
    return names;
  }

  /** The table at its newest version; a source that was deleted and created again gets a new table here. */
  async fresh(sourceId: string): Promise<SourceTable> {
    const known = this.#known.get(sourceId);
    if (!known) return this.#loading.run(sourceId, () => this.#load(sourceId));
    const snapshot = await known.log.refresh();
    if (known.isSameLife(snapshot)) return known;
    this.forget(known);
    if (!snapshot) throw unknownSource(sourceId);
    return this.adopt(sourceId, known.log, snapshot);
  }

  async find(sourceId: string): Promise<SourceTable | undefined> {
    try {
      return await this.fresh(sourceId);
    } catch (error) {
      if (isHybridStoreError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  /** The table log of a source, whether it exists or not. Throws `not_found` for what can be no source. */
  logOf(sourceId: string): TableLog {
    if (!sourceIdShape.test(sourceId)) throw unknownSource(sourceId);
    return this.#known.get(sourceId)?.log ?? new TableLog({ ...this.#options, folder: folderOf(sourceId) });
  }

  /** The table that a snapshot of its log shows. */
  adopt(sourceId: string, log: TableLog, snapshot: Snapshot): SourceTable {
    const known = this.#known.get(sourceId);
    if (known?.isSameLife(snapshot)) return known;
    if (known) this.forget(known);
    const { dataFolder, appId } = this.#options;
    const table = new SourceTable({ log, snapshot, dataFolder, appId });
    this.#requireReplayed(table);
    this.#known.set(sourceId, table);
    return table;
  }

  async delete(table: SourceTable): Promise<void> {
    await this.#options.store.deleteAll(folderOf(table.sourceId));
    this.forget(table);
  }

  forget(table: SourceTable): void {
    if (this.#known.get(table.sourceId) !== table) return;
    this.#known.delete(table.sourceId);
    this.#options.onForgotten(table);
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
        if (table?.key !== key || !(await table.log.isAlive(table.snapshot))) gone.add(key);
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

  async #load(sourceId: string): Promise<SourceTable> {
    const log = this.logOf(sourceId);
    const snapshot = await log.refresh();
    if (!snapshot) throw unknownSource(sourceId);
    return this.adopt(sourceId, log, snapshot);
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
}

function folderOf(sourceId: string): string {
  return `${tablesFolder}/${sourceId}`;
}

function unknownSource(sourceId: string): HybridStoreError {
  return new HybridStoreError('not_found', `source ${sourceId} does not exist`, { source_id: sourceId });
}
