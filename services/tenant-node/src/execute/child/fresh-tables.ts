import type { DuckDBConnection } from '@duckdb/node-api';
import { type Batch, BatchAppender, tableColumnsSql } from '@hybridstore/engine/duckdb';
import type { FreshRange } from '../../domain/ports.ts';
import { countRows, FreshRowIndex, type FreshTable, type ViewPart } from './fresh-row-index.ts';
import { shapeOf, tableColumns, withLsn } from './fresh-shape.ts';

/** `tableTag` names the life of the source that the frame belongs to. */
export type FreshFrame = { readonly lsn: number; readonly tableTag: bigint; readonly batch: Batch };

/** What is held of one source from one log. Only the newest table has an appender. */
type HeldLog = {
  index: FreshRowIndex;
  tableTag?: bigint;
  appender?: { readonly table: string; readonly rows: BatchAppender };
};

/**
 * Fresh rows of all sources and logs as tables in one attached in-memory database, which views read beside the Parquet
 * files. A running statement keeps the tables it has bound, so dropping one never disturbs it. The database's name cannot
 * be guessed: a statement that got past the gate would not know what to ask for.
 */
export class FreshTables {
  /** Name of the database. */
  readonly catalog: string;
  readonly #connection: DuckDBConnection;
  readonly #held = new Map<string, Map<string, HeldLog>>();
  #tablesMade = 0;

  private constructor(connection: DuckDBConnection, catalog: string) {
    this.#connection = connection;
    this.catalog = catalog;
  }

  static async create(connection: DuckDBConnection, catalog: string): Promise<FreshTables> {
    const tables = new FreshTables(connection, catalog);
    await connection.run(`ATTACH ':memory:' AS ${tables.catalog}`);
    return tables;
  }

  /** Appends frames, in LSN order; visible when the promise resolves. Calls must not overlap. */
  async load(source: string, range: FreshRange, frames: Iterable<FreshFrame>): Promise<void> {
    const held = this.#holdLog(source, range);
    held.index.begin(range);
    for (const { lsn, tableTag, batch } of frames) {
      await this.#beginLife(held, tableTag);
      const table = held.index.place({ lsn, rows: batch.rows, shape: shapeOf(batch) });
      if (!table) continue;
      const appender = await this.#appenderOf(held, table);
      appender.append(withLsn(batch, lsn));
    }
    held.appender?.rows.flush();
    held.index.complete(range);
  }

  /** Parts of all ranges, or undefined when a range is no longer held. */
  view(source: string, ranges: readonly FreshRange[]): readonly ViewPart[] | undefined {
    const parts: ViewPart[] = [];
    for (const range of ranges) {
      if (range.untilLsn <= range.afterLsn) continue;
      const found = this.#held.get(source)?.get(range.log)?.index.view(range);
      if (!found) return undefined;
      parts.push(...found);
    }
    return parts;
  }

  /** Drops what no view that starts at or after `floorLsn` reads. Calls must not overlap with `load`. */
  async release(source: string, log: string, floorLsn: number): Promise<void> {
    const held = this.#held.get(source)?.get(log);
    if (!held) return;
    for (const table of held.index.release(floorLsn)) await this.#drop(held, table);
  }

  async forget(source: string): Promise<void> {
    const logs = this.#held.get(source)?.values() ?? [];
    this.#held.delete(source);
    for (const held of logs) await this.#dropAll(held);
  }

  /** A source that was deleted and created again: rows of its former life are not its rows. All of them have lower LSNs. */
  async #beginLife(held: HeldLog, tableTag: bigint): Promise<void> {
    if (held.tableTag === tableTag) return;
    if (held.tableTag !== undefined) {
      await this.#dropAll(held);
      held.index = this.#createIndex(0);
    }
    held.tableTag = tableTag;
  }

  async #appenderOf(held: HeldLog, table: FreshTable): Promise<BatchAppender> {
    if (held.appender?.table === table.name) return held.appender.rows;
    held.appender?.rows.close();
    const columns = tableColumns(table.shape);
    await this.#connection.run(`CREATE TABLE ${this.catalog}.${table.name} (${tableColumnsSql(columns)})`);
    const rows = await BatchAppender.create(this.#connection, { name: table.name, catalog: this.catalog }, columns);
    held.appender = { table: table.name, rows };
    return rows;
  }

  async #dropAll(held: HeldLog): Promise<void> {
    for (const table of held.index.tables) await this.#drop(held, table);
  }

  /** An open appender would make the drop fail. */
  async #drop(held: HeldLog, table: FreshTable): Promise<void> {
    if (held.appender?.table === table.name) {
      held.appender.rows.close();
      delete held.appender;
    }
    await this.#connection.run(`DROP TABLE ${this.catalog}.${table.name}`);
  }

  #holdLog(source: string, range: FreshRange): HeldLog {
    const logs = this.#held.get(source) ?? new Map<string, HeldLog>();
    this.#held.set(source, logs);
    const held = logs.get(range.log) ?? { index: this.#createIndex(range.afterLsn) };
    logs.set(range.log, held);
    return held;
  }

  #createIndex(afterLsn: number): FreshRowIndex {
    return new FreshRowIndex({ nextName: () => `f${++this.#tablesMade}`, afterLsn });
  }
}

export function countFreshRows(parts: readonly ViewPart[]): number {
  return parts.reduce((rows, part) => rows + countRows(part), 0);
}
