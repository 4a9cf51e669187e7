import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogEntry } from '@hybridstore/contracts';
import {
  type CheckedDatabaseOptions,
  type Clock,
  DatabaseChecks,
  isHybridStoreError,
  isWalWhole,
  type Logger,
  openCheckedDatabase,
  quarantineDatabase,
  scheduleCheckpoints,
  wrongVariable,
} from '@hybridstore/runtime';
import type { LogCursor, LogFilter, LogStore } from '../domain/ports.ts';

const fileName = 'logs.sqlite';
/** One statement list a version, see `openCheckedDatabase`. The second brings the ledger only. */
const migrations: readonly string[] = [
  `create table entries (
  id integer primary key, time_ms integer not null, time text not null, level text not null, service text not null,
  instance text not null, tenant_id text, event text not null, fields text not null, bytes integer not null
) strict;
create index entries_by_service on entries (service, time_ms);
create index entries_by_tenant on entries (tenant_id, time_ms) where tenant_id is not null;
create index entries_by_time on entries (time_ms);
create table cursors (instance_key text primary key, boot text not null, next integer not null) strict;`,
  'select 2',
];
const entriesPerDelete = 5_000;
/** One answer, all of which is in memory at once, whatever its entries hold. */
const pageBytesMax = 4 * 1024 * 1024;
/** A row's share of its page, three indexes and numbers, beside its texts. */
const rowOverheadBytes = 160;

/** Assertions below name the columns of the very statement; JSON holds only what `#insertEntry` wrote. */
type Row = { time: string; level: string; service: string; instance: string; event: string; fields: string };

export type OpenedLogStore = {
  readonly store: SqliteLogStore;
  /** A damaged or foreign database, and the name beside the new one that it has now; undefined when there was none. */
  readonly setAside: { readonly file: string; readonly reason: string } | undefined;
  /** Whether the last minute before a kill may be missing: its write-ahead log was broken. */
  readonly isTailLost: boolean;
};

/**
 * Logs are for people who look for a fault, not acknowledged data: commits are not synced one by one (synchronous =
 * normal), and a damaged database is set aside and begun anew. Freed pages are used again, so the file stays near its
 * bound.
 */
export class SqliteLogStore implements LogStore {
  readonly #folder: string;
  readonly #database: DatabaseSync;
  readonly #bytesMax: number;
  readonly #insert: StatementSync;
  readonly #setCursor: StatementSync;
  readonly #getCursor: StatementSync;
  #bytes: number;
  #stopCheckpoints: () => void = () => {};

  private constructor(folder: string, database: DatabaseSync, bytesMax: number) {
    this.#folder = folder;
    this.#database = database;
    this.#bytesMax = bytesMax;
    this.#insert = database.prepare(
      `insert into entries (time_ms, time, level, service, instance, tenant_id, event, fields, bytes)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#setCursor = database.prepare(
      'insert into cursors values (?, ?, ?) on conflict (instance_key) do update set boot = excluded.boot, next = excluded.next',
    );
    this.#getCursor = database.prepare('select boot, next from cursors where instance_key = ?');
    const sum = database.prepare('select coalesce(sum(bytes), 0) as bytes from entries').get() as { bytes: number };
    this.#bytes = sum.bytes;
  }

  /** Throws `invalid_request` naming DATA_PATH when the folder cannot be used. */
  static open(folder: string, bytesMax: number): OpenedLogStore {
    try {
      const isTailLost = !isWalWhole(join(folder, `${fileName}-wal`));
      const { database, setAside } = openOrSetAside(folder);
      return { store: new SqliteLogStore(folder, database, bytesMax), setAside, isTailLost };
    } catch (cause) {
      throw wrongVariable(
        'DATA_PATH',
        'a folder that can be written',
        `${folder} (${cause instanceof Error ? cause.message : String(cause)})`,
      );
    }
  }

  /** Runs until the store is closed. */
  scheduleCheckpoints(clock: Clock, logger: Logger): void {
    this.#stopCheckpoints = scheduleCheckpoints(this.#database, clock, logger);
  }

  /** To be closed after the store. */
  createChecks(clock: Clock, logger: Logger): DatabaseChecks {
    return new DatabaseChecks({ database: this.#database, options: databaseOptions(this.#folder), clock, logger });
  }

  cursor(instanceKey: string): LogCursor | undefined {
    return this.#getCursor.get(instanceKey) as LogCursor | undefined;
  }

  append(instanceKey: string, tenantId: string | undefined, entries: readonly LogEntry[], cursor: LogCursor): void {
    this.#transact(() => {
      let bytes = 0;
      for (const entry of entries) bytes += this.#insertEntry(entry, tenantId);
      this.#setCursor.run(instanceKey, cursor.boot, cursor.next);
      return bytes;
    });
    this.#removeSurplus();
  }

  read(filter: LogFilter): readonly LogEntry[] {
    const conditions = ['service = ?', `level in (${filter.levels.map(() => '?').join(', ')})`];
    const values: (string | number)[] = [filter.service, ...filter.levels];
    if (filter.tenantId !== undefined) {
      conditions.push('tenant_id = ?');
      values.push(filter.tenantId);
    }
    if (filter.sinceMs !== undefined) {
      conditions.push('time_ms >= ?');
      values.push(filter.sinceMs);
    }
    const sql = `select time, level, service, instance, event, fields, bytes from entries
                 where ${conditions.join(' and ')} order by time_ms desc, id desc limit ?`;
    const rows: Row[] = [];
    let bytesLeft = pageBytesMax;
    for (const row of this.#database.prepare(sql).iterate(...values, filter.limit)) {
      const { bytes, ...entry } = row as Row & { readonly bytes: number };
      bytesLeft -= bytes;
      if (bytesLeft < 0) break;
      rows.push(entry);
    }
    return rows.reverse().map((row) => ({ ...row, fields: JSON.parse(row.fields) as LogEntry['fields'] }));
  }

  prune(beforeMs: number): number {
    let removed = 0;
    for (;;) {
      const count = this.#removeOldest('where time_ms < ?', beforeMs);
      removed += count;
      if (count < entriesPerDelete) return removed + this.#removeSurplus();
    }
  }

  close(): void {
    this.#stopCheckpoints();
    this.#database.close();
  }

  #insertEntry(entry: LogEntry, tenantId: string | undefined): number {
    const fields = JSON.stringify(entry.fields);
    const bytes = rowOverheadBytes + entry.event.length + Buffer.byteLength(fields) + 2 * entry.instance.length;
    const { time, level, service, instance, event } = entry;
    this.#insert.run(Date.parse(time), time, level, service, instance, tenantId ?? null, event, fields, bytes);
    return bytes;
  }

  #removeSurplus(): number {
    let removed = 0;
    while (this.#bytes > this.#bytesMax) {
      const count = this.#removeOldest('');
      if (count === 0) break;
      removed += count;
    }
    return removed;
  }

  /** Removes the oldest entries: those before a time, or enough of a step to come back under the bound of bytes. */
  #removeOldest(where: string, ...values: readonly number[]): number {
    const step = where === '' ? Math.max(100, entriesPerDelete / 10) : entriesPerDelete;
    const oldest = `select id from entries ${where} order by time_ms, id limit ${step}`;
    const sum = this.#database
      .prepare(`select count(*) as count, coalesce(sum(bytes), 0) as bytes from entries where id in (${oldest})`)
      .get(...values) as { readonly count: number; readonly bytes: number };
    if (sum.count === 0) return 0;
    this.#transact(() => {
      this.#database.prepare(`delete from entries where id in (${oldest})`).run(...values);
      return -sum.bytes;
    });
    return sum.count;
  }

  /** One transaction whose work returns by how many bytes the store grew. */
  #transact(work: () => number): void {
    this.#database.exec('begin immediate');
    try {
      const bytes = work();
      this.#database.exec('commit');
      this.#bytes += bytes;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('rollback');
      throw error;
    }
  }
}

function openOrSetAside(folder: string): Pick<OpenedLogStore, 'setAside'> & { readonly database: DatabaseSync } {
  try {
    return { database: openDatabase(folder), setAside: undefined };
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    const file = quarantineDatabase(folder, fileName);
    return { database: openDatabase(folder), setAside: { file, reason: error.message } };
  }
}

function openDatabase(folder: string): DatabaseSync {
  return openCheckedDatabase(databaseOptions(folder));
}

function databaseOptions(folder: string): CheckedDatabaseOptions {
  return {
    folder,
    name: fileName,
    migrations,
    ledgerSince: 2,
    journal: 'torn-wal',
    synchronous: 'normal',
    busyTimeoutMs: 5_000,
  };
}
