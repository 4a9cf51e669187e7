import type { ResultColumn } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { formatCsvLine, isNumeric, printable, textOf } from '../output/table.ts';
import type { AnswerFormat, TextRules } from './answer-format.ts';
import type { AnswerRow } from './read-answer.ts';

const nullTextDefault = 'null';

/** One JSON document, indented as `JSON.stringify` does it. */
export class JsonFormat implements AnswerFormat {
  #columns: readonly ResultColumn[] = [];
  #isFirst = true;

  begin(columns: readonly ResultColumn[]): string {
    this.#columns = columns;
    return '';
  }

  rows(rows: readonly AnswerRow[]): string {
    return rows.map((row) => this.#lead() + JSON.stringify(row, null, 2).replaceAll('\n', '\n    ')).join('');
  }

  end(rowCount: number, stats: object): string {
    const empty = this.#isFirst ? `${this.#head()}]` : '\n  ]';
    const tail = JSON.stringify({ row_count: rowCount, stats }, null, 2);
    return `${empty},${tail.slice(1)}\n`;
  }

  #lead(): string {
    const lead = this.#isFirst ? `${this.#head()}\n    ` : ',\n    ';
    this.#isFirst = false;
    return lead;
  }

  #head(): string {
    return `${JSON.stringify({ columns: this.#columns }, null, 2).slice(0, -2)},\n  "rows": [`;
  }
}

/** RFC 4180 with a header line. Null is an empty cell, the empty text a quoted one. */
export class CsvFormat implements AnswerFormat {
  readonly #nullText: string;

  constructor({ nullText = '' }: TextRules) {
    this.#nullText = nullText;
  }

  begin(columns: readonly ResultColumn[]): string {
    return formatCsvLine(
      columns.map(({ name }) => name),
      this.#nullText,
    );
  }

  rows(rows: readonly AnswerRow[]): string {
    return rows.map((row) => formatCsvLine(row, this.#nullText)).join('');
  }

  end(): string {
    return '';
  }
}

/** A list of mappings. Values are written as JSON, of which YAML is a superset: so every digit and every text stays what it is. */
export class YamlFormat implements AnswerFormat {
  #names: readonly string[] = [];
  #isFirst = true;

  begin(columns: readonly ResultColumn[]): string {
    requireDistinctNames('yaml', columns);
    this.#names = columns.map(({ name }) => yamlKey(name));
    return '';
  }

  rows(rows: readonly AnswerRow[]): string {
    this.#isFirst = false;
    return rows
      .map((row) =>
        this.#names.map((name, index) => `${index === 0 ? '- ' : '  '}${name}: ${yamlValue(row[index])}\n`).join(''),
      )
      .join('');
  }

  end(): string {
    return this.#isFirst ? '[]\n' : '';
  }
}

/** Words that some reader of YAML takes for something else than a text. */
const yamlWords = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

function yamlKey(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) && !yamlWords.test(name) ? name : yamlValue(name);
}

function yamlValue(value: unknown): string {
  return JSON.stringify(value ?? null)
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
    .replaceAll('\u0085', '\\u0085');
}

/** A table of GitHub's Markdown. */
export class MarkdownFormat implements AnswerFormat {
  readonly #nullText: string;

  constructor({ nullText = nullTextDefault }: TextRules) {
    this.#nullText = nullText;
  }

  begin(columns: readonly ResultColumn[]): string {
    const names = columns.map(({ name }) => markdownCell(name));
    return markdownLine(names) + markdownLine(columns.map(({ type }) => (isNumeric(type) ? '---:' : '---')));
  }

  rows(rows: readonly AnswerRow[]): string {
    return rows.map((row) => markdownLine(row.map((value) => markdownCell(shown(value, this.#nullText))))).join('');
  }

  end(): string {
    return '';
  }
}

function markdownLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}

function markdownCell(text: string): string {
  const escaped = text.replaceAll(/[\\|<>&*_`[\]~]/g, (character) =>
    character === '<' ? '&lt;' : character === '&' ? '&amp;' : `\\${character}`,
  );
  return printable(escaped.replaceAll(/\r\n|\r|\n/g, '<br>'));
}

/** A line a value: for rows of many columns, or of long values, which are never cut. */
export class VerticalFormat implements AnswerFormat {
  readonly #nullText: string;
  #names: readonly string[] = [];
  #row = 0;

  constructor({ nullText = nullTextDefault }: TextRules) {
    this.#nullText = nullText;
  }

  begin(columns: readonly ResultColumn[]): string {
    const names = columns.map(({ name }) => printable(name));
    const width = names.reduce((most, name) => Math.max(most, name.length), 0);
    this.#names = names.map((name) => name.padEnd(width));
    return '';
  }

  rows(rows: readonly AnswerRow[]): string {
    return rows.map((row) => this.#formatRow(row)).join('');
  }

  end(): string {
    return '';
  }

  #formatRow(row: AnswerRow): string {
    this.#row += 1;
    const lines = this.#names.map((name, index) => {
      const value = shown(row[index], this.#nullText)
        .split(/\r\n|\r|\n/)
        .map(printable);
      return `${name}  ${value.join(`\n${' '.repeat(name.length + 2)}`)}`;
    });
    return `--- row ${this.#row} ---\n${lines.join('\n')}\n`;
  }
}

/** The text of a value, in quotes when it is the very text that stands for null. */
export function shown(value: unknown, nullText: string): string {
  if (value === null || value === undefined) return nullText;
  return value === nullText ? JSON.stringify(value) : textOf(value);
}

/** Of two columns with one name the first would be lost without a word. */
export function requireDistinctNames(format: string, columns: readonly ResultColumn[]): void {
  const names = columns.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new HybridStoreError(
      'invalid_request',
      `${format}: expected a name of its own for every column, found ${twice} twice; name them with AS`,
    );
}
