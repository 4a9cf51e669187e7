import type { FreshRange } from '../../domain/ports.ts';

/** One DuckDB table of fresh rows, and which frames of the log are in it. */
export type FreshTable = {
  readonly name: string;
  /** What the table's columns look like; frames of another shape need another table. */
  readonly shape: string;
  rows: number;
  lastLsn: number;
  /** LSN of each frame, rising, and the rows up to and with it. */
  readonly lsns: number[];
  readonly rowsThrough: number[];
};

export type FrameMark = { readonly lsn: number; readonly rows: number; readonly shape: string };
export type ViewPart = {
  readonly table: FreshTable;
  /** Bounds that the table's rows do not all meet; undefined where the table alone decides. */
  readonly afterLsn: number | undefined;
  readonly untilLsn: number | undefined;
};

const tableRowsMax = 65_536;

/**
 * Which tables hold which fresh rows of one source and one log. Frames arrive in LSN order and go to the newest table
 * until it is full. Rows are never deleted: a table is dropped as a whole once the log is committed beyond it and no
 * running statement's view starts before its end. Every row keeps its LSN, so a view takes exactly the frames between
 * two LSNs:
 *
 *   coveredFromLsn        f3             f4 (newest)    loadedLsn
 *        │──────── dropped │──────────────│──────────────│
 *                             (after ─────────── until]            ← one statement's view
 *
 * A table that lies within a view is read as it is; at the view's ends a bound on `lsn` cuts it. The newest table always
 * has an upper bound: frames may be added between the making of a view and its reading.
 *
 * The index only decides and remembers; its caller makes, fills and drops the tables. Rows of a former life of the source
 * are the caller's to keep away, and so is the order of the calls.
 */
export class FreshRowIndex {
  readonly #nextName: () => string;
  readonly #tableRowsMax: number;
  #tables: FreshTable[] = [];
  #coveredFromLsn: number;
  #loadedLsn: number;

  /** Starts empty at `afterLsn`: older frames were never held. */
  constructor(options: {
    readonly nextName: () => string;
    readonly afterLsn: number;
    readonly tableRowsMax?: number;
  }) {
    this.#nextName = options.nextName;
    this.#tableRowsMax = options.tableRowsMax ?? tableRowsMax;
    this.#coveredFromLsn = options.afterLsn;
    this.#loadedLsn = options.afterLsn;
  }

  get loadedLsn(): number {
    return this.#loadedLsn;
  }

  get tables(): readonly FreshTable[] {
    return this.#tables;
  }

  /**
   * Announces the frames of `range`, which are placed next. Where the range starts beyond what is held, the frames
   * between are committed and gone from their node: views that would need them are refused from now on.
   */
  begin(range: FreshRange): void {
    if (range.afterLsn <= this.#loadedLsn) return;
    this.#coveredFromLsn = range.afterLsn;
    this.#loadedLsn = range.afterLsn;
  }

  /** Says that all frames of `range` are placed: also the LSNs between its last frame and its end are known. */
  complete(range: FreshRange): void {
    this.#loadedLsn = Math.max(this.#loadedLsn, range.untilLsn);
  }

  /** The table that a frame goes to, or undefined when the frame is held already. Marks the frame as held. */
  place(frame: FrameMark): FreshTable | undefined {
    if (frame.lsn <= this.#loadedLsn) return undefined;
    const newest = this.#tables.at(-1);
    const table =
      newest && newest.shape === frame.shape && newest.rows < this.#tableRowsMax ? newest : this.#open(frame.shape);
    table.rows += frame.rows;
    table.lastLsn = frame.lsn;
    table.lsns.push(frame.lsn);
    table.rowsThrough.push(table.rows);
    this.#loadedLsn = frame.lsn;
    return table;
  }

  /** Tables and bounds that give exactly the frames with `afterLsn` < LSN ≤ `untilLsn`; undefined when some are not held. */
  view(range: FreshRange): readonly ViewPart[] | undefined {
    if (range.untilLsn <= range.afterLsn) return [];
    if (range.afterLsn < this.#coveredFromLsn || range.untilLsn > this.#loadedLsn) return undefined;
    return this.#tables
      .filter((table) => table.lastLsn > range.afterLsn && (table.lsns[0] ?? 0) <= range.untilLsn)
      .map((table) => ({
        table,
        afterLsn: (table.lsns[0] ?? 0) <= range.afterLsn ? range.afterLsn : undefined,
        untilLsn: table.lastLsn > range.untilLsn || table === this.#tables.at(-1) ? range.untilLsn : undefined,
      }));
  }

  /** Takes out the tables that hold nothing newer than `floorLsn`; the caller drops them. */
  release(floorLsn: number): readonly FreshTable[] {
    const released = this.#tables.filter((table) => table.lastLsn <= floorLsn);
    if (released.length === 0) return released;
    this.#tables = this.#tables.filter((table) => table.lastLsn > floorLsn);
    this.#coveredFromLsn = Math.max(this.#coveredFromLsn, released.at(-1)?.lastLsn ?? 0);
    return released;
  }

  #open(shape: string): FreshTable {
    const table: FreshTable = { name: this.#nextName(), shape, rows: 0, lastLsn: 0, lsns: [], rowsThrough: [] };
    this.#tables.push(table);
    return table;
  }
}

/** Rows of a view part. */
export function countRows(part: ViewPart): number {
  return rowsUpTo(part.table, part.untilLsn ?? part.table.lastLsn) - rowsUpTo(part.table, part.afterLsn ?? 0);
}

/** By halves: the frames of a table may be as many as its rows. */
function rowsUpTo(table: FreshTable, lsn: number): number {
  let [low, high] = [0, table.lsns.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((table.lsns[middle] ?? 0) <= lsn) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : (table.rowsThrough[low - 1] ?? 0);
}
