import { assert } from '@hybridstore/runtime';
import type { Frame, FreshFrames } from '../ports.ts';

/**
 * The acknowledged rows of one source that are not in its table yet, as the frames they were logged in. Frames come and
 * go in the order of their LSNs; rows that are being logged are counted ahead, so that the bounds hold.
 */
export class MemoryTable {
  #frames: Frame[] = [];
  #rows = 0;
  #bytes = 0;
  #arrivingRows = 0;
  #arrivingBytes = 0;
  #acknowledgedLsn: number;
  #committedLsn: number;
  #tableVersion: number;
  #oldestAtMs: number | undefined;

  constructor(committed: { readonly lsn: number; readonly tableVersion: number }) {
    this.#acknowledgedLsn = committed.lsn;
    this.#committedLsn = committed.lsn;
    this.#tableVersion = committed.tableVersion;
  }

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** With what is on its way through the log. */
  get rowsAhead(): number {
    return this.#rows + this.#arrivingRows;
  }

  get bytesAhead(): number {
    return this.#bytes + this.#arrivingBytes;
  }

  get committedLsn(): number {
    return this.#committedLsn;
  }

  get acknowledgedLsn(): number {
    return this.#acknowledgedLsn;
  }

  /** LSN of the oldest frame; undefined when there is none. */
  get firstLsn(): number | undefined {
    return this.#frames[0]?.lsn;
  }

  /** When the oldest frame came; undefined when there is none. */
  get oldestAtMs(): number | undefined {
    return this.#oldestAtMs;
  }

  /** Whether every row of this log up to `lsn` is in the table. */
  isCommitted(lsn: number): boolean {
    const first = this.#frames[0];
    return this.#committedLsn >= lsn || first === undefined || first.lsn > lsn;
  }

  expect(frame: { readonly rows: number; readonly bytes: number }): void {
    this.#arrivingRows += frame.rows;
    this.#arrivingBytes += frame.bytes;
  }

  /** Takes `expect` back, whether the frame was acknowledged or refused. */
  settle(frame: { readonly rows: number; readonly bytes: number }): void {
    this.#arrivingRows -= frame.rows;
    this.#arrivingBytes -= frame.bytes;
  }

  add(frame: Frame, nowMs: number): void {
    assert(frame.lsn > this.#acknowledgedLsn, `LSN ${frame.lsn} after ${this.#acknowledgedLsn}`);
    this.#frames.push(frame);
    this.#rows += frame.rows;
    this.#bytes += frame.bytes.length;
    this.#acknowledgedLsn = frame.lsn;
    this.#oldestAtMs ??= nowMs;
  }

  /** The oldest frames, at least one if there is any, up to the bounds. */
  oldest(bounds: { readonly rowsMax: number; readonly bytesMax: number }): readonly Frame[] {
    let [rows, bytes, count] = [0, 0, 0];
    for (const frame of this.#frames) {
      rows += frame.rows;
      bytes += frame.bytes.length;
      if (count > 0 && (rows > bounds.rowsMax || bytes > bounds.bytesMax)) break;
      count += 1;
    }
    return this.#frames.slice(0, count);
  }

  /** Rows up to `lsn` are in the table from `tableVersion` on. Frames younger than the dropped ones came after `nowMs`. */
  commit(lsn: number, tableVersion: number, nowMs: number): void {
    if (lsn < this.#committedLsn) return;
    const kept = this.#frames.slice(this.#indexAfter(lsn));
    this.#frames = kept;
    this.#rows = kept.reduce((sum, frame) => sum + frame.rows, 0);
    this.#bytes = kept.reduce((sum, frame) => sum + frame.bytes.length, 0);
    this.#committedLsn = lsn;
    this.#acknowledgedLsn = Math.max(this.#acknowledgedLsn, lsn);
    this.#tableVersion = tableVersion;
    this.#oldestAtMs = kept.length > 0 ? nowMs : undefined;
  }

  fresh(afterLsn: number): FreshFrames {
    return {
      acknowledgedLsn: this.#acknowledgedLsn,
      committedLsn: this.#committedLsn,
      tableVersion: this.#tableVersion,
      frames: this.#frames.slice(this.#indexAfter(afterLsn)),
    };
  }

  #indexAfter(lsn: number): number {
    let [low, high] = [0, this.#frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#frames[middle]!.lsn <= lsn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
