import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { LogEntry, LogTail } from '@hybridstore/contracts';
import { wrongVariable } from '@hybridstore/runtime';
import type { LogCursor, LogFilter, LogStore } from '../domain/ports.ts';

const schema = `
create table if not exists entries (
  id integer primary key, time_ms real not null, time text not null, level text not null, service text not null,
  instance text not null, tenant_id text, event text not null, fields text not null
) strict;
create index if not exists entries_by_service on entries (service, id);
create index if not exists entries_by_time on entries (time_ms);
create table if not exists cursors (instance_key text primary key, boot text not null, next integer not null) strict;
`;
const entriesPerPruneMax = 50_000;

type Row = { time: string; level: string; service: string; instance: string; event: string; fields: string };

/** Logs are for people who look for a fault, not acknowledged data: commits are not synced one by one (synchronous = normal). */
export class SqliteLogStore implements LogStore {
  readonly #database: DatabaseSync;
  readonly #entriesMax: number;
  readonly #insert: StatementSync;
  readonly #setCursor: StatementSync;
  readonly #getCursor: StatementSync;

  private constructor(database: DatabaseSync, entriesMax: number) {
    this.#database = database;
    this.#entriesMax = entriesMax;
    this.#insert = database.prepare(
      'insert into entries (time_ms, time, level, service, instance, tenant_id, event, fields) values (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#setCursor = database.prepare(
      'insert into cursors values (?, ?, ?) on conflict (instance_key) do update set boot = excluded.boot, next = excluded.next',
    );
    this.#getCursor = database.prepare('select boot, next from cursors where instance_key = ?');
  }

  /** Throws `invalid_request` naming DATA_PATH when the folder cannot be used. */
  static open(folder: string, entriesMax: number): SqliteLogStore {
    try {
      mkdirSync(folder, { recursive: true });
      const database = new DatabaseSync(join(folder, 'logs.sqlite'));
      database.exec(`pragma journal_mode = wal; pragma synchronous = normal; pragma busy_timeout = 5000; ${schema}`);
      return new SqliteLogStore(database, entriesMax);
    } catch (cause) {
      throw wrongVariable(
        'DATA_PATH',
        'a folder that can be written',
        `${folder} (${cause instanceof Error ? cause.message : String(cause)})`,
      );
    }
  }

  cursor(instanceKey: string): LogCursor | undefined {
    return this.#getCursor.get(instanceKey) as LogCursor | undefined;
  }

  append(instanceKey: string, tenantId: string | undefined, tail: LogTail): void {
    this.#database.exec('begin');
    try {
      for (const entry of tail.entries) this.#insertEntry(entry, tenantId);
      this.#setCursor.run(instanceKey, tail.boot, tail.next);
      this.#database.exec('commit');
    } catch (error) {
      this.#database.exec('rollback');
      throw error;
    }
  }

  #insertEntry(entry: LogEntry, tenantId: string | undefined): void {
    const timeMs = Date.parse(entry.time);
    this.#insert.run(
      Number.isNaN(timeMs) ? 0 : timeMs,
      entry.time,
      entry.level,
      entry.service,
      entry.instance,
      tenantId ?? null,
      entry.event,
      JSON.stringify(entry.fields),
    );
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
    const sql = `select time, level, service, instance, event, fields from entries where ${conditions.join(' and ')} order by id desc limit ?`;
    const rows = this.#database.prepare(sql).all(...values, filter.limit) as Row[];
    return rows.reverse().map((row) => ({ ...row, fields: JSON.parse(row.fields) as LogEntry['fields'] }));
  }

  prune(beforeMs: number): number {
    const old = this.#database
      .prepare('delete from entries where id in (select id from entries where time_ms < ? limit ?)')
      .run(beforeMs, entriesPerPruneMax);
    const surplus = this.#database
      .prepare('delete from entries where id <= (select coalesce(max(id), 0) - ? from entries)')
      .run(this.#entriesMax);
    return Number(old.changes) + Number(surplus.changes);
  }

  close(): void {
    this.#database.close();
  }
}
