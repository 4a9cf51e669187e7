import type { ResultColumn } from '@hybridstore/contracts';
import { isExactNumber } from '@hybridstore/runtime';
import stringWidth from 'string-width';
import { type Paint, plain } from '../io.ts';

const numericTypes = /^(integer|bigint|double|decimal|tinyint|smallint|hugeint|float|ubigint|uinteger)/i;
const gap = '  ';

export type TableColumn = { readonly name: string; readonly align: 'left' | 'right' };

/** Rows as a table without lines; numbers to the right, nulls dim. */
export function formatTable(
  columns: readonly ResultColumn[],
  rows: readonly (readonly unknown[])[],
  paint: Paint = plain,
): string {
  return formatCells(
    columns.map(({ name, type }) => ({ name: printable(name), align: isNumeric(type) ? 'right' : 'left' })),
    rows.map((row) => row.map((value) => formatCell(value, paint))),
    paint,
  );
}

/** Texts as they stand, in aligned columns below bold names. */
export function formatCells(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  paint: Paint = plain,
): string {
  return new TableLayout(columns, paint).formatPage(rows).slice(0, -1);
}

/**
 * Aligned columns, page by page: the names stand above the first, and each page is as wide as the widest value so far. A
 * text may hold the colours of a terminal, which take no room.
 */
export class TableLayout {
  readonly #columns: readonly TableColumn[];
  readonly #paint: Paint;
  #widths: number[] | undefined;

  constructor(columns: readonly TableColumn[], paint: Paint = plain) {
    this.#columns = columns;
    this.#paint = paint;
  }

  /** Every line with its end. */
  formatPage(rows: readonly (readonly string[])[]): string {
    const isFirst = this.#widths === undefined;
    const widths = this.#widths ?? this.#columns.map(({ name }) => stringWidth(name));
    this.#widths = widths;
    for (const row of rows)
      for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, stringWidth(cell));
    const head = this.#columns.map(({ name }) => this.#paint.bold(name));
    return [...(isFirst ? [head] : []), ...rows].map((cells) => this.#formatLine(cells, widths)).join('');
  }

  #formatLine(cells: readonly string[], widths: readonly number[]): string {
    const padded = this.#columns.map(({ align }, index) => {
      const cell = cells[index] ?? '';
      const room = ' '.repeat(Math.max(0, (widths[index] ?? 0) - stringWidth(cell)));
      return align === 'right' ? room + cell : cell + room;
    });
    return `${padded.join(gap).trimEnd()}\n`;
  }
}

export function isNumeric(type: string): boolean {
  return numericTypes.test(type);
}

function formatCell(value: unknown, paint: Paint): string {
  return value === null || value === undefined ? paint.dim('null') : printable(textOf(value));
}

/** A value that is not null, as people read it: JSON of what has parts, every digit of a number. */
export function textOf(value: unknown): string {
  if (isExactNumber(value)) return value.rawJSON;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Line breaks would tear a table apart; other control characters would be carried out by the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '·');
}

/** A line of RFC 4180. A text that is the same as `nullText`, which stands for null, is quoted. */
export function formatCsvLine(row: readonly unknown[], nullText: string): string {
  return `${row.map((value) => formatCsvCell(value, nullText)).join(',')}\r\n`;
}

function formatCsvCell(value: unknown, nullText: string): string {
  const isNull = value === null || value === undefined;
  const text = isNull ? nullText : textOf(value);
  const needsQuotes = /[",\r\n]/.test(text) || (!isNull && text === nullText);
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text;
}
