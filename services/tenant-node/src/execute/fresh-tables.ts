import type { DuckDBConnection } from '@duckdb/node-api';
import { type Batch, BatchAppender, tableColumnsSql } from '@hybridstore/engine/duckdb';
import type { FreshRange } from '../domain/executor-port.ts';
import { countRows, EpochBook, type EpochTable, type ViewPart } from './epoch-book.ts';
import { shapeOf, tableColumns, withLsn } from './fresh-shape.ts';

export const freshCatalog = 'fresh';

/** `tableTag` names the life of the source that the frame belongs to. */
export type FreshFrame = { readonly lsn: number; readonly tableTag: bigint; readonly batch: Batch };
type Shelf = {
  book: EpochBook;
  tableTag?: bigint;
  appender?: { readonly table: string; readonly rows: BatchAppender };
};

/**
 * Fresh rows of all sources and logs as tables in one attached in-memory database, which views read beside the Parquet
 * files. A running statement keeps the tables it has bound, so dropping one never disturbs it.
 */
export class FreshTables {
  readonly #connection: DuckDBConnection;
  readonly #shelves = new Map<string, Map<string, Shelf>>();
  #tablesMade = 0;

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  static async create(connection: DuckDBConnection): Promise<FreshTables> {
    await connection.run(`ATTACH ':memory:' AS ${freshCatalog}`);
    return new FreshTables(connection);
  }

  /** Appends frames, in LSN order; visible when the promise resolves. Calls must not overlap. */
  async load(source: string, range: FreshRange, frames: Iterable<FreshFrame>): Promise<void> {
    const shelf = this.#shelf(source, range);
    shelf.book.begin(range);
    for (const { lsn, tableTag, batch } of frames) {
      await this.#beginLife(shelf, tableTag);
      const table = shelf.book.place({ lsn, rows: batch.rows, shape: shapeOf(batch) });
      if (!table) continue;
      const appender = await this.#appenderOf(shelf, table);
      appender.append(withLsn(batch, lsn));
    }
    shelf.appender?.rows.flush();
    shelf.book.complete(range);
  }

  /** Parts of all ranges, or undefined when a range is no longer held. */
  view(source: string, ranges: readonly FreshRange[]): readonly ViewPart[] | undefined {
    const parts: ViewPart[] = [];
    for (const range of ranges) {
      if (range.untilLsn <= range.afterLsn) continue;
      const found = this.#shelves.get(source)?.get(range.log)?.book.view(range);
      if (!found) return undefined;
      parts.push(...found);
    }
    return parts;
  }

  /** Drops what no view that starts at or after `floorLsn` reads. Calls must not overlap with `load`. */
  async release(source: string, log: string, floorLsn: number): Promise<void> {
    const shelf = this.#shelves.get(source)?.get(log);
    if (!shelf) return;
    for (const table of shelf.book.release(floorLsn)) await this.#drop(shelf, table);
  }

  async forget(source: string): Promise<void> {
    const shelves = this.#shelves.get(source);
    this.#shelves.delete(source);
    for (const shelf of shelves?.values() ?? []) for (const table of shelf.book.tables) await this.#drop(shelf, table);
  }

  /** A source that was deleted and created again: rows of its former life are not its rows. All of them have lower LSNs. */
  async #beginLife(shelf: Shelf, tableTag: bigint): Promise<void> {
    if (shelf.tableTag === tableTag) return;
    if (shelf.tableTag !== undefined) {
      for (const table of shelf.book.tables) await this.#drop(shelf, table);
      shelf.book = this.#createBook(0);
    }
    shelf.tableTag = tableTag;
  }

  async #appenderOf(shelf: Shelf, table: EpochTable): Promise<BatchAppender> {
    if (shelf.appender?.table === table.name) return shelf.appender.rows;
    shelf.appender?.rows.close();
    const columns = tableColumns(table.shape);
    await this.#connection.run(`CREATE TABLE ${freshCatalog}.${table.name} (${tableColumnsSql(columns)})`);
    const rows = await BatchAppender.create(this.#connection, { name: table.name, catalog: freshCatalog }, columns);
    shelf.appender = { table: table.name, rows };
    return rows;
  }

  /** An open appender would make the drop fail. */
  async #drop(shelf: Shelf, table: EpochTable): Promise<void> {
    if (shelf.appender?.table === table.name) {
      shelf.appender.rows.close();
      delete shelf.appender;
    }
    await this.#connection.run(`DROP TABLE ${freshCatalog}.${table.name}`);
  }

  #shelf(source: string, range: FreshRange): Shelf {
    const shelves = this.#shelves.get(source) ?? new Map<string, Shelf>();
    this.#shelves.set(source, shelves);
    const held = shelves.get(range.log);
    if (held) return held;
    const shelf: Shelf = { book: this.#createBook(range.afterLsn) };
    shelves.set(range.log, shelf);
    return shelf;
  }

  #createBook(afterLsn: number): EpochBook {
    return new EpochBook({ nextName: () => `f${++this.#tablesMade}`, afterLsn });
  }
}

export function countFreshRows(parts: readonly ViewPart[]): number {
  return parts.reduce((rows, part) => rows + countRows(part), 0);
}
