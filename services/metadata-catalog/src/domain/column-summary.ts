import type { ColumnStatistics, FileStatistics } from '@hybridstore/contracts';
import type { BoundOrder } from './bound-order.ts';

/** Values of files that hold one value each are counted up to here; more are as good as unknown to a planner. */
const constantsMax = 10_000;
/** Delta cuts text bounds at 32 code points: two longer values may share a cut bound, so those are not counted. */
const wholeTextCharactersMax = 31;

/**
 * Bounds of one column over the files of a table. Adding a file is cheap and exact; taking one away needs a new
 * summary. A bound is unknown (null) as soon as one file with values lacks it.
 */
export class ColumnSummary {
  readonly #order: BoundOrder;
  #min: string | null = null;
  #max: string | null = null;
  #nulls = 0;
  #values = 0;
  #isBounded = true;
  #knowsNulls = true;
  #constants: Set<string> | undefined = new Set();

  constructor(order: BoundOrder) {
    this.#order = order;
  }

  add(statistics: ColumnStatistics | undefined, rows: number): void {
    if (rows === 0) return;
    const nulls = statistics?.nulls ?? null;
    if (nulls === null) this.#knowsNulls = false;
    else this.#nulls += nulls;
    this.#values += rows - (nulls ?? 0);
    if (nulls === rows) return;
    this.#addBounds(statistics?.min ?? null, statistics?.max ?? null);
  }

  #addBounds(min: string | null, max: string | null): void {
    if (min === null || max === null) {
      this.#isBounded = false;
      this.#constants = undefined;
      return;
    }
    if (this.#min === null || this.#order(min, this.#min) < 0) this.#min = min;
    if (this.#max === null || this.#order(max, this.#max) > 0) this.#max = max;
    if (min !== max || min.length > wholeTextCharactersMax) this.#constants = undefined;
    else if (this.#constants && this.#constants.add(min).size > constantsMax) this.#constants = undefined;
  }

  get bounds(): ColumnStatistics {
    return {
      min: this.#isBounded ? this.#min : null,
      max: this.#isBounded ? this.#max : null,
      nulls: this.#knowsNulls ? this.#nulls : null,
    };
  }

  /** Rows that are not null; an upper bound where a file does not count its nulls. */
  get values(): number {
    return this.#values;
  }

  /** Exact number of distinct values when each file holds one only, as partition columns do; otherwise undefined. */
  get constantsCount(): number | undefined {
    return this.#constants?.size;
  }
}

/** Statistics of a column in a file. Partition values are not in the file: they stand in the log and hold for every row. */
export function columnOfFile(file: FileStatistics, name: string): ColumnStatistics | undefined {
  if (!Object.hasOwn(file.partition, name)) return Object.hasOwn(file.columns, name) ? file.columns[name] : undefined;
  const value = file.partition[name] ?? null;
  return { min: value, max: value, nulls: value === null ? file.rows : 0 };
}
