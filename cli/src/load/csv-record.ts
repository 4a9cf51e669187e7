/** What is wrong, and the column of the line (in characters, from 1) where. */
export type CsvFault = { readonly column: number; readonly reason: string };
export type CsvMarks = { readonly delimiter: string; readonly quote: string };

/**
 * One record of RFC 4180, fed line by line: a quoted cell may go on over line ends, and every other cell may hold no quote
 * at all. `open`: the record goes on in the next line.
 */
export class CsvRecord {
  readonly cells: string[] = [];
  readonly #delimiter: string;
  readonly #quote: string;
  /** The quoted cell that is not closed yet. */
  #open: string | undefined;
  #openedAt: number | undefined;

  constructor({ delimiter, quote }: CsvMarks) {
    this.#delimiter = delimiter;
    this.#quote = quote;
  }

  /** Where the quote stands that the record waits for the end of, in the line where it was opened. */
  get openedAt(): number | undefined {
    return this.#openedAt;
  }

  /** `ending`: the line end before this line, which belongs to the open cell. */
  feed(line: string, ending: string): 'whole' | 'open' | CsvFault {
    if (this.#quote === '' || (this.#open === undefined && !line.includes(this.#quote))) {
      for (const cell of line.split(this.#delimiter)) this.cells.push(cell);
      return 'whole';
    }
    if (this.#open !== undefined) this.#open += ending;
    let at = 0;
    while (at <= line.length) {
      const isQuoted = this.#open !== undefined || line.startsWith(this.#quote, at);
      const next = isQuoted ? this.#readQuoted(line, at) : this.#readPlain(line, at);
      if (typeof next !== 'number') return next;
      at = next;
    }
    return 'whole';
  }

  /** Where the next cell begins; behind the line when there is none. */
  #readPlain(line: string, at: number): number | CsvFault {
    const found = line.indexOf(this.#delimiter, at);
    const end = found < 0 ? line.length : found;
    const cell = line.slice(at, end);
    const stray = cell.indexOf(this.#quote);
    if (stray >= 0)
      return { column: at + stray + 1, reason: `expected ${this.#quote} around the whole value or not at all` };
    this.cells.push(cell);
    return end + 1;
  }

  #readQuoted(line: string, start: number): number | 'open' | CsvFault {
    let at = start;
    if (this.#open === undefined) {
      this.#open = '';
      this.#openedAt = start + 1;
      at += 1;
    }
    for (;;) {
      const end = line.indexOf(this.#quote, at);
      this.#open += line.slice(at, end < 0 ? line.length : end);
      if (end < 0) return 'open';
      if (line.startsWith(this.#quote, end + 1)) {
        this.#open += this.#quote;
        at = end + 2;
        continue;
      }
      const after = line.slice(end + 1, end + 2);
      if (after !== '' && after !== this.#delimiter)
        return { column: end + 2, reason: `expected a delimiter behind the closing ${this.#quote}, found ${after}` };
      this.cells.push(this.#open);
      this.#open = undefined;
      return end + 2;
    }
  }
}
