import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { DatabaseChecked } from '@hybridstore/contracts';
import {
  type CheckedDatabaseOptions,
  checkpointAtOnce,
  type DatabaseCheck,
  damageOf,
  readHeader,
} from './checked-database.ts';
import { programBeside } from './child-process/spawn-child.ts';
import type { Clock } from './clock.ts';
import { HybridStoreError, retryLater } from './errors.ts';
import type { Logger } from './log.ts';
import { copyNameOf, type ServedDatabase } from './served-database.ts';
import { ThreadPool } from './threads/thread-pool.ts';

export type DatabaseChecksOptions = {
  /** The connection that serves. */
  readonly database: DatabaseSync;
  /** As it was opened with. */
  readonly options: CheckedDatabaseOptions;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Of one look, whatever the size of the database. */
export const databaseCheckMsMax = 600_000;
const heapMbMax = 256;
const stackMbMax = 4;

/** Looks at a database while it is served, in a thread of its own: one look at a time. `close` only after the database. */
export class DatabaseChecks {
  readonly #options: DatabaseChecksOptions;
  /** Open for as long as SQLite has the file: its end would take SQLite's locks away. */
  readonly #file: number;
  #thread: ThreadPool<ServedDatabase, DatabaseCheck> | undefined;

  constructor(options: DatabaseChecksOptions) {
    this.#options = options;
    const { folder, name } = options.options;
    // Of a process that was killed during its look.
    this.#removeCopy();
    this.#file = openSync(join(folder, name), 'r');
  }

  /** `conflict` while another look is under way, `deadline_exceeded` for one that takes longer than `databaseCheckMsMax`. */
  async check(): Promise<DatabaseChecked> {
    const { options, logger } = this.#options;
    const { name } = options;
    if (this.#thread) throw new HybridStoreError('conflict', `${name} is being checked already`, { file: name });
    const thread = this.#createThread();
    this.#thread = thread;
    try {
      this.#bringInLog();
      const { damage, bytes, hasLedger } = await thread.run({ options, header: readHeader(this.#file) });
      if (damage !== undefined) logger.error('database_damaged', { file: name, damage });
      await this.#end(thread);
      return { file: name, bytes, has_ledger: hasLedger, ...(damage === undefined ? {} : { damage }) };
    } catch (error) {
      // One that was too slow ends when SQLite lets it; until then there is no other look.
      this.#end(thread).catch((cause: unknown) => logger.warn('database_check_not_ended', { error: cause }));
      throw error;
    }
  }

  async #end(thread: ThreadPool<ServedDatabase, DatabaseCheck>): Promise<void> {
    await thread.close();
    if (this.#thread === thread) this.#thread = undefined;
  }

  async close(): Promise<void> {
    await this.#thread?.close();
    this.#removeCopy();
    closeSync(this.#file);
  }

  #removeCopy(): void {
    const { folder, name } = this.#options.options;
    rmSync(join(folder, copyNameOf(name)), { force: true });
  }

  /** What is in the log is looked at where it stays: in the database. */
  #bringInLog(): void {
    const { database, options, logger } = this.#options;
    if (options.journal === 'rollback') return;
    try {
      checkpointAtOnce(database);
    } catch (error) {
      // Damage is said by the look itself; without room the log is read as it is.
      if (damageOf(error) === undefined) logger.warn('checkpoint_failed', { error });
    }
  }

  #createThread(): ThreadPool<ServedDatabase, DatabaseCheck> {
    const { clock, logger, options } = this.#options;
    const { name } = options;
    return new ThreadPool({
      program: programBeside(import.meta.url, 'database-check-main'),
      name: 'database-check',
      threads: 1,
      waitingMax: 0,
      answerMsMax: databaseCheckMsMax,
      heapMbMax,
      stackMbMax,
      clock,
      logger,
      tooSlow: () =>
        new HybridStoreError('deadline_exceeded', `${name}: the check took longer than ${databaseCheckMsMax} ms`, {
          file: name,
          timeout_ms: databaseCheckMsMax,
        }),
      tooLarge: () => retryLater('unavailable', `${name}: the check needs more than ${heapMbMax} MiB of memory`, 1_000),
    });
  }
}
