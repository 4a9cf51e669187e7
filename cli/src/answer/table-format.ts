import type { ResultColumn } from '@hybridstore/contracts';
import type { Paint } from '../io.ts';
import { isNumeric, printable, TableLayout, textOf } from '../output/table.ts';
import type { AnswerFormat } from './answer-format.ts';
import type { AnswerRow } from './read-answer.ts';

/** Of a value, in characters. */
export const cellWidthMax = 60;
/** Rows whose widest values make the first widths; later pages make columns wider where they must, never narrower. */
const rowsPerPage = 1_000;

export type TableRules = {
  readonly paint: Paint;
  readonly nullText?: string;
  /** Values are shown whole, however long. */
  readonly isWhole: boolean;
};

/** Aligned columns without lines; numbers to the right, nulls dim, long values cut and counted. */
export class TableFormat implements AnswerFormat {
  readonly #rules: TableRules;
  readonly #nullText: string;
  #layout: TableLayout | undefined;
  #page: string[][] = [];
  /** How many values were cut. */
  cut = 0;

  constructor(rules: TableRules) {
    this.#rules = rules;
    this.#nullText = rules.nullText ?? 'null';
  }

  begin(columns: readonly ResultColumn[]): string {
    this.#layout = new TableLayout(
      columns.map(({ name, type }) => ({ name: printable(name), align: isNumeric(type) ? 'right' : 'left' })),
      this.#rules.paint,
    );
    return '';
  }

  rows(rows: readonly AnswerRow[]): string {
    let text = '';
    for (const row of rows) {
      this.#page.push(row.map((value) => this.#formatCell(value)));
      if (this.#page.length >= rowsPerPage) text += this.#turnPage();
    }
    return text;
  }

  end(): string {
    return this.#turnPage();
  }

  #turnPage(): string {
    const text = this.#layout?.formatPage(this.#page) ?? '';
    this.#page = [];
    return text;
  }

  #formatCell(value: unknown): string {
    if (value === null || value === undefined) return this.#rules.paint.dim(this.#nullText);
    const line = printable(value === this.#nullText ? JSON.stringify(value) : textOf(value));
    if (this.#rules.isWhole || line.length <= cellWidthMax) return line;
    const characters = [...line];
    if (characters.length <= cellWidthMax) return line;
    this.cut += 1;
    return `${characters.slice(0, cellWidthMax - 1).join('')}…`;
  }
}
