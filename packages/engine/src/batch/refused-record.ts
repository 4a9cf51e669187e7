import { HybridStoreError } from '@hybridstore/runtime';

export const actualTextMax = 80;
/** Longer than any column's name, so that those are said whole. */
const shownNameMax = 128;

/** A value that does not fit its column. Keeps its parts so that the record's index can be corrected. */
export class RefusedRecord extends HybridStoreError {
  /** From 0. */
  readonly row: number;
  readonly #field: string;
  readonly #expected: string;
  readonly #actual: unknown;

  constructor(row: number, field: string, expected: string, actual: unknown) {
    const text = describeActual(actual);
    const name = cutText(field, shownNameMax);
    super('invalid_request', `records[${row}].fields.${name}: expected ${expected}, got ${text}`, {
      field: `records[${row}].fields.${name}`,
      index: row,
      column: name,
      expected,
      actual: text,
    });
    this.row = row;
    this.#field = field;
    this.#expected = expected;
    this.#actual = actual;
  }

  at(row: number): RefusedRecord {
    return new RefusedRecord(row, this.#field, this.#expected, this.#actual);
  }
}

function describeActual(value: unknown): string {
  return cutText(JSON.stringify(value) ?? 'nothing', actualTextMax);
}

function cutText(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax).toWellFormed()}…` : text.toWellFormed();
}
