import {
  type Column,
  columnTypeName,
  type FileStatistics,
  type PruningPredicate,
  parseColumnType,
  type ScanStatistics,
} from '@hybridstore/contracts';
import { type ColumnTypes, prepareMatcher } from '@hybridstore/plan';
import { boundOrder } from './bound-order.ts';
import { ColumnSummary, columnOfFile } from './column-summary.ts';
import { estimateDistinct } from './distinct-estimate.ts';
import type { TableChange, TableHead } from './ports.ts';

export type TableTotals = { readonly rows: number; readonly bytes: number; readonly files: number };
export type MatchedTotals = {
  readonly matched_rows: number;
  readonly matched_bytes: number;
  readonly matched_files: number;
};

/**
 * One table in memory, prepared for planning: files by path, totals, and a summary of each column. Added files are
 * merged into the summaries; after a removal they are made anew at the next request, since a bound may have left.
 */
export class TableIndex {
  readonly #files: Map<string, FileStatistics>;
  #columns: readonly Column[];
  #keyColumn: string | undefined;
  #rows = 0;
  #bytes = 0;
  #summaries: Map<string, ColumnSummary> | undefined;

  constructor(head: Pick<TableHead, 'columns' | 'definition'>, files: readonly FileStatistics[]) {
    this.#files = new Map(files.map((file) => [file.path, file]));
    this.#columns = head.columns;
    this.#keyColumn = keyColumnOf(head);
    for (const file of this.#files.values()) this.#count(file, 1);
  }

  get totals(): TableTotals {
    return { rows: this.#rows, bytes: this.#bytes, files: this.#files.size };
  }

  get files(): readonly FileStatistics[] {
    return [...this.#files.values()];
  }

  /** What this index weighs in a cache: statistics kept, in columns of files. */
  get cells(): number {
    return this.#files.size * (1 + this.#columns.length);
  }

  apply(head: Pick<TableHead, 'columns' | 'definition'>, change: TableChange): void {
    if (!sameColumns(this.#columns, head.columns)) this.#summaries = undefined;
    this.#columns = head.columns;
    this.#keyColumn = keyColumnOf(head);
    for (const path of change.removed) this.#remove(path);
    for (const file of change.added) this.#add(file);
  }

  #add(file: FileStatistics): void {
    this.#remove(file.path);
    this.#files.set(file.path, file);
    this.#count(file, 1);
    if (this.#summaries) this.#summarize(this.#summaries, file);
  }

  #remove(path: string): void {
    const file = this.#files.get(path);
    if (!file) return;
    this.#files.delete(path);
    this.#count(file, -1);
    this.#summaries = undefined;
  }

  #count(file: FileStatistics, sign: 1 | -1): void {
    this.#rows += sign * file.rows;
    this.#bytes += sign * file.bytes;
  }

  /** Totals of the files that the predicates cannot rule out. */
  match(predicates: readonly PruningPredicate[]): MatchedTotals {
    if (predicates.length === 0)
      return { matched_rows: this.#rows, matched_bytes: this.#bytes, matched_files: this.#files.size };
    const mayMatch = prepareMatcher(predicates, canonicalTypes(this.#columns));
    let [rows, bytes, files] = [0, 0, 0];
    for (const file of this.#files.values()) {
      if (!mayMatch(file)) continue;
      rows += file.rows;
      bytes += file.bytes;
      files += 1;
    }
    return { matched_rows: rows, matched_bytes: bytes, matched_files: files };
  }

  columnStatistics(): ScanStatistics['columns'] {
    const summaries = this.#currentSummaries();
    return Object.fromEntries(
      this.#columns.map((column) => {
        const summary = summaries.get(column.name) ?? new ColumnSummary(boundOrder(column.type));
        const distinct = estimateDistinct(column.type, summary, { isKey: column.name === this.#keyColumn });
        return [column.name, { ...summary.bounds, distinct }];
      }),
    );
  }

  #currentSummaries(): Map<string, ColumnSummary> {
    if (this.#summaries) return this.#summaries;
    const summaries = new Map(this.#columns.map((column) => [column.name, new ColumnSummary(boundOrder(column.type))]));
    for (const file of this.#files.values()) this.#summarize(summaries, file);
    this.#summaries = summaries;
    return summaries;
  }

  #summarize(summaries: Map<string, ColumnSummary>, file: FileStatistics): void {
    for (const [name, summary] of summaries) summary.add(columnOfFile(file, name), file.rows);
  }
}

/** Type names without aliases, as pruning reads them. */
function canonicalTypes(columns: readonly Column[]): ColumnTypes {
  return new Map(
    columns.map((column) => {
      const type = parseColumnType(column.type);
      return [column.name, type ? columnTypeName(type) : column.type];
    }),
  );
}

/** A primary key of one column has about as many distinct values as rows. */
function keyColumnOf(head: Pick<TableHead, 'definition'>): string | undefined {
  const key = head.definition.primary_key ?? [];
  return key.length === 1 ? key[0] : undefined;
}

function sameColumns(a: readonly Column[], b: readonly Column[]): boolean {
  return a.length === b.length && a.every((column, index) => isSameColumn(column, b[index]));
}

function isSameColumn(a: Column, b: Column | undefined): boolean {
  return b !== undefined && a.name === b.name && a.type === b.type;
}
