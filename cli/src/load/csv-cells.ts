import { type Column, parseDate, parseTimestamp } from '@hybridstore/contracts';
import { BatchSections, bigintMax, CellReader, type ColumnSection, int32Max } from '@hybridstore/engine/batch';

export type CsvShape = {
  /** Of the header, in its order. */
  readonly columns: readonly Column[];
  /** One byte each; a quote of 0 is none. */
  readonly delimiter: number;
  readonly quote: number;
};

export type ReadCells = {
  /** Bytes that were read: whole records. */
  readonly end: number;
  readonly lines: number;
  readonly rows: number;
  readonly sections: readonly ColumnSection[];
  /** A value is unusual, or a record has another width: the records have to be read one by one. */
  readonly isOdd: boolean;
};

type Bounds = { readonly rowsMax: number; readonly bytesMax: number; readonly isAll: boolean };

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const nothing = -1;

/**
 * Records of CSV out of bytes into columns, as `readCsv` and `prepareRow` would read them. It knows the usual forms of values
 * and no errors. `more`: the bytes end within a record; `strange`: a stray quote or a bare CR, from which on only `readCsv`
 * knows where records end.
 */
export function readCells(bytes: Buffer, shape: CsvShape, bounds: Bounds): ReadCells | 'more' | 'strange' {
  return new CsvReader(bytes, shape, bounds).read();
}

class CsvReader extends CellReader {
  readonly #bounds: Bounds;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #sections: readonly ColumnSection[];
  readonly #kinds: readonly string[];
  readonly #texts: readonly ColumnSection[];
  #isOdd = false;
  #lines = 0;

  constructor(bytes: Buffer, { columns, delimiter, quote }: CsvShape, bounds: Bounds) {
    super(bytes);
    this.#bounds = bounds;
    this.#delimiter = delimiter;
    this.#quote = quote === 0 ? nothing : quote;
    this.#sections = new BatchSections({ columns, partitionColumns: [], isDocument: false }, bounds.rowsMax).sections;
    this.#kinds = this.#sections.map(({ column }) => column.type.kind);
    this.#texts = this.#sections.filter(({ isText }) => isText);
  }

  read(): ReadCells | 'more' | 'strange' {
    const { rowsMax, bytesMax, isAll } = this.#bounds;
    while (this.row < rowsMax && this.at < bytesMax) {
      if (this.at >= this.bytes.length) {
        if (isAll) break;
        return 'more';
      }
      const found = this.#readRecord();
      if (found !== 'record') return found;
    }
    const { at: end, row: rows } = this;
    return { end, lines: this.#lines, rows, sections: this.#sections, isOdd: this.#isOdd };
  }

  #readRecord(): 'record' | 'more' | 'strange' {
    const width = this.#sections.length;
    if (this.#endLine() === 'ended') return 'record';
    let place = 0;
    for (;;) {
      const section = this.#sections[place];
      if (!this.#readCell(section, this.#kinds[place])) return 'strange';
      place += 1;
      const byte = this.bytes[this.at];
      if (byte === this.#delimiter) {
        this.at += 1;
        continue;
      }
      const ended = this.#endLine();
      if (ended !== 'ended') return ended;
      if (place === width) this.#endRow();
      else this.#isOdd = true;
      return 'record';
    }
  }

  #endRow(): void {
    for (const section of this.#texts) section.offsets[this.row + 1] = section.textLength;
    this.row += 1;
  }

  /** `strange` for whatever is no end of a line. */
  #endLine(): 'ended' | 'more' | 'strange' {
    const { bytes, at } = this;
    if (at >= bytes.length) return this.#bounds.isAll ? 'ended' : 'more';
    const length = bytes[at] === carriageReturn && bytes[at + 1] === lineFeed ? 2 : bytes[at] === lineFeed ? 1 : 0;
    if (length === 0)
      return bytes[at] === carriageReturn && at + 1 >= bytes.length && !this.#bounds.isAll ? 'more' : 'strange';
    this.at += length;
    this.#lines += 1;
    return 'ended';
  }

  /** Up to what stands behind it. False for a quote in the middle of a cell. */
  #readCell(section: ColumnSection | undefined, kind: string | undefined): boolean {
    if (this.bytes[this.at] === this.#quote) return this.#readQuoted(section);
    if (kind === 'string' && section) return this.#readPlainText(section);
    const start = this.at;
    if (this.#isEnd(start)) return true;
    if (section && this.#readValue(section, kind) && this.#isEnd(this.at)) return true;
    this.at = start;
    while (!this.#isEnd(this.at)) {
      if (this.bytes[this.at] === this.#quote) return false;
      this.at += 1;
    }
    if (!section || !this.#readWords(section, kind, start)) this.#isOdd = true;
    return true;
  }

  #isEnd(at: number): boolean {
    const byte = this.bytes[at];
    return byte === this.#delimiter || byte === lineFeed || byte === carriageReturn || byte === undefined;
  }

  #readValue(section: ColumnSection, kind: string | undefined): boolean {
    switch (kind) {
      case 'integer':
        return this.readLong(section, int32Max);
      case 'bigint':
        return this.readLong(section, bigintMax);
      case 'double':
        return this.readDouble(section);
      case 'decimal':
        return this.readDecimal(section);
      case 'timestamp':
        return this.#readTime(section);
      default:
        return false;
    }
  }

  #readTime(section: ColumnSection): boolean {
    const micros = this.readInstant();
    // A longer fraction goes on here.
    if (micros === undefined || !this.#isEnd(this.at)) return false;
    section.writeSafeInteger(this.row, micros);
    section.mark(this.row);
    return true;
  }

  /** From `start` up to here, as it is: what was written before of the row is written over. */
  #readWords(section: ColumnSection, kind: string | undefined, start: number): boolean {
    const text = this.bytes.toString('latin1', start, this.at);
    if (kind === 'date') {
      const days = parseDate(text);
      if (days === undefined) return false;
      section.words[this.row] = days;
    } else if (kind === 'boolean') {
      const isTrue = /^(true|t|1|yes)$/i.test(text);
      if (!isTrue && !/^(false|f|0|no)$/i.test(text)) return false;
      section.values[this.row] = isTrue ? 1 : 0;
    } else if (kind === 'timestamp') {
      const instant = parseTimestamp(text);
      if (instant === undefined) return false;
      section.longs[this.row] = BigInt(instant.seconds) * 1_000_000n + BigInt(instant.micros);
    } else return false;
    section.mark(this.row);
    return true;
  }

  #readPlainText(section: ColumnSection): boolean {
    const { bytes } = this;
    const start = this.at;
    let end = start;
    for (let byte = bytes[end]; ; byte = bytes[end]) {
      if (byte === this.#delimiter || byte === lineFeed || byte === carriageReturn || byte === undefined) break;
      if (byte === this.#quote) return false;
      end += 1;
    }
    section.reserveText(end - start);
    copyBytes(bytes, section, start, end);
    section.mark(this.row);
    this.at = end;
    return true;
  }

  /** A quoted cell of a text column, or of any other where it is empty; others are unusual. */
  #readQuoted(section: ColumnSection | undefined): boolean {
    const { bytes } = this;
    const isText = section?.column.type.kind === 'string';
    let start = this.at + 1;
    for (;;) {
      const end = bytes.indexOf(this.#quote, start);
      if (end < 0) {
        // Perhaps it is closed by what comes.
        this.at = bytes.length;
        return !this.#bounds.isAll;
      }
      if (!this.#countLines(start, end)) return false;
      if (isText) {
        section.reserveText(end - start + 1);
        copyBytes(bytes, section, start, end);
      } else if (end > start) this.#isOdd = true;
      if (bytes[end + 1] !== this.#quote) {
        this.at = end + 1;
        if (isText) section.mark(this.row);
        return this.#isEnd(this.at);
      }
      if (isText) copyBytes(bytes, section, end, end + 1);
      else this.#isOdd = true;
      start = end + 2;
    }
  }

  /** False for a bare CR, which is the end of a line too. */
  #countLines(start: number, end: number): boolean {
    for (let at = start; at < end; at += 1) {
      if (this.bytes[at] === lineFeed) this.#lines += 1;
      else if (this.bytes[at] === carriageReturn && this.bytes[at + 1] !== lineFeed) return false;
    }
    return true;
  }
}

const loopCopyBytesMax = 48;

/** Behind the texts of the section. A loop is cheaper than a call into the runtime for few bytes. */
function copyBytes(bytes: Buffer, section: ColumnSection, start: number, end: number): void {
  const { text, textLength } = section;
  if (end - start > loopCopyBytesMax) bytes.copy(text, textLength, start, end);
  else for (let index = start; index < end; index += 1) text[textLength + index - start] = bytes[index]!;
  section.textLength = textLength + end - start;
}
