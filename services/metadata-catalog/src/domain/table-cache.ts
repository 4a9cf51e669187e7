import type { TableIndex } from './table-index.ts';

/**
 * Prepared tables, the least recently used leaving first when together they weigh more than `cellsMax` (about 120 bytes
 * a cell). A table that is heavier alone is used by its caller and not kept.
 */
export class TableCache {
  readonly #cellsMax: number;
  readonly #entries = new Map<string, TableIndex>();

  constructor(cellsMax: number) {
    this.#cellsMax = cellsMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get cells(): number {
    let cells = 0;
    for (const index of this.#entries.values()) cells += index.cells;
    return cells;
  }

  get(key: string): TableIndex | undefined {
    const index = this.#entries.get(key);
    if (!index) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, index);
    return index;
  }

  set(key: string, index: TableIndex): void {
    this.#entries.delete(key);
    if (index.cells > this.#cellsMax) return;
    this.#entries.set(key, index);
    this.#shrink();
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  #shrink(): void {
    let cells = this.cells;
    for (const [key, index] of this.#entries) {
      if (cells <= this.#cellsMax) return;
      this.#entries.delete(key);
      cells -= index.cells;
    }
  }
}
