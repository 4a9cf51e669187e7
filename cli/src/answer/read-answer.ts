import type { QueryResponse, ResultColumn } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { parseDigits } from '../load/parse-exactly.ts';
import { answerRowBytesMax, rowTooLong } from './line-answer.ts';

export type AnswerRow = readonly unknown[];
/** A part of an answer, in the order in which it comes: columns, rows as many times as needed, the end. */
export type AnswerPart =
  | { readonly kind: 'columns'; readonly columns: readonly ResultColumn[] }
  | { readonly kind: 'rows'; readonly rows: readonly AnswerRow[] }
  | { readonly kind: 'end'; readonly rowCount: number; readonly stats: QueryResponse['stats'] };

const structure = /["{}[\]]/g;
const wholeString = /"(?:[^"\\]|\\.)*"/gsy;

/**
 * A `QueryResponse` while it arrives: `{"columns":[…],"rows":[[…],…],"row_count":…,"stats":…}`. Rows are cut out of the text
 * and parsed one by one, so that an answer of any size passes through a bounded memory, with every digit of its numbers.
 */
export async function* readAnswer(
  body: AsyncIterable<Uint8Array>,
  rowLengthMax = answerRowBytesMax,
): AsyncGenerator<AnswerPart> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const scanner = new RowScanner();
  let isBegun = false;
  let rowsRead = 0;
  for await (const bytes of body) {
    const rows = scanner.feed(decoder.decode(bytes, { stream: true }));
    rowsRead += rows.length;
    if (scanner.rest.length > rowLengthMax) throw rowTooLong(rowsRead + 1, scanner.rest.length, rowLengthMax);
    if (!isBegun && scanner.head !== undefined) {
      isBegun = true;
      yield { kind: 'columns', columns: parseFrame(`${scanner.head}]}`).columns };
    }
    if (rows.length > 0) yield { kind: 'rows', rows: rows.map(parseRow) };
  }
  const { row_count: rowCount, stats } = parseFrame(`${scanner.head ?? ''}${scanner.rest}`);
  yield { kind: 'end', rowCount, stats };
}

function parseRow(text: string): AnswerRow {
  return parseDigits(text) as AnswerRow; // an array, by how it was cut out
}

/** The answer without its rows. */
function parseFrame(text: string): QueryResponse {
  try {
    return JSON.parse(text) as QueryResponse; // as its schema promises
  } catch (cause) {
    throw new HybridStoreError('unavailable', 'the answer broke off before its end', {}, { cause });
  }
}

/** Finds the elements of the array under `rows` in a JSON text that comes in pieces. */
class RowScanner {
  /** Up to the bracket that opens the rows; absent until it has come. */
  head: string | undefined;
  #text = '';
  #at = 0;
  #depth = 0;
  #key = '';
  #isInRows = false;
  #rowStart = -1;

  /** What is not given out yet: a row that goes on; at the end what follows the rows, from the bracket that closes them. */
  get rest(): string {
    return this.#text;
  }

  feed(piece: string): string[] {
    this.#text += piece;
    const rows: string[] = [];
    for (;;) {
      structure.lastIndex = this.#at;
      const found = structure.exec(this.#text);
      if (found === null) {
        this.#at = this.#text.length;
        break;
      }
      if (found[0] === '"') {
        if (!this.#passString(found.index)) break;
      } else this.#passBracket(found[0], found.index, rows);
    }
    this.#forget();
    return rows;
  }

  /** False when the string goes on in the next piece. */
  #passString(start: number): boolean {
    wholeString.lastIndex = start;
    const text = wholeString.exec(this.#text)?.[0];
    this.#at = start + (text?.length ?? 0);
    if (text === undefined) return false;
    if (this.#depth === 1) this.#key = text;
    return true;
  }

  #passBracket(bracket: string, index: number, rows: string[]): void {
    this.#at = index + 1;
    if (bracket === '[' || bracket === '{') {
      this.#depth += 1;
      if (this.#depth === 2 && bracket === '[' && this.#key === '"rows"' && this.head === undefined) {
        this.#isInRows = true;
        this.head = this.#text.slice(0, this.#at);
      } else if (this.#isInRows && this.#depth === 3) this.#rowStart = index;
      return;
    }
    this.#depth -= 1;
    if (!this.#isInRows) return;
    if (this.#depth === 2) {
      rows.push(this.#text.slice(this.#rowStart, this.#at));
      this.#rowStart = -1;
    } else if (this.#depth === 1) {
      this.#isInRows = false;
      this.#text = this.#text.slice(index);
      this.#at = 1;
    }
  }

  /** Of what was read, only a row that is not whole yet is needed again. */
  #forget(): void {
    if (!this.#isInRows) return;
    const from = this.#rowStart < 0 ? this.#at : this.#rowStart;
    this.#text = this.#text.slice(from);
    this.#at -= from;
    if (this.#rowStart >= 0) this.#rowStart = 0;
  }
}
