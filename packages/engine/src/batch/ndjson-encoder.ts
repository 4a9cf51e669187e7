import { parseDate, parseTimestamp } from '@hybridstore/contracts';
import { BatchSections, type ColumnSection } from './batch-sections.ts';
import { bigintMax, CellReader, int32Max } from './cell-reader.ts';
import { columnKinds } from './column-kind.ts';
import { type EncoderSchema, textBytesMax } from './encoded-column.ts';

/**
 * NDJSON bytes → columnar batch, without an object or a text for each value: twice as fast as JSON.parse and
 * `BatchEncoder`. It takes what most files hold and knows nothing of errors: whatever is unusual (a key twice, an unknown
 * one, an escape in a key, a value of another type, JSON that is none) makes the batch one for `BatchEncoder`, which decides
 * and says what is wrong. What is taken here means the same there:
 *
 *   taken here ⊂ taken by BatchEncoder, with the same bytes
 */
export class NdjsonEncoder {
  readonly #schema: EncoderSchema;

  /** Of a source with declared columns. */
  constructor(schema: EncoderSchema) {
    this.#schema = schema;
  }

  /**
   * As `BatchEncoder.encode` of the objects in the lines, blank lines passed over; undefined for what that has to decide.
   * The caller has checked that `bytes` are UTF-8, and counted the lines that are not blank.
   */
  encode(bytes: Buffer, rows: number, reservedBytes = 0): Buffer | undefined {
    const sections = new BatchSections(this.#schema, rows);
    if (!new LineReader(bytes, sections).read()) return undefined;
    for (const { column, filled } of sections.sections) if (!column.isNullable && filled < rows) return undefined;
    return sections.finish(reservedBytes);
  }
}

class LineReader extends CellReader {
  readonly #rows: number;
  readonly #sections: readonly ColumnSection[];
  readonly #texts: readonly ColumnSection[];
  readonly #names: ReadonlyMap<string, number>;
  readonly #keys: readonly Buffer[];
  readonly #kinds: readonly string[];
  /** The row that each column was written in last, to see a key twice. */
  readonly #lastRow: Int32Array;
  /** Columns in the order of the row before, which the next one usually has too. */
  readonly #order: number[] = [];

  constructor(bytes: Buffer, { rows, sections }: BatchSections) {
    super(bytes);
    this.#rows = rows;
    this.#sections = sections;
    this.#texts = sections.filter(({ isText }) => isText);
    this.#names = new Map(sections.map(({ column }, index) => [column.name, index]));
    this.#keys = sections.map(({ column }) => Buffer.from(`${JSON.stringify(column.name)}`));
    this.#kinds = sections.map(({ column: { type, kindCode } }) =>
      type.kind === 'json' ? 'json' : type.kind === 'integer' ? 'integer' : (columnKinds[kindCode] ?? ''),
    );
    this.#lastRow = new Int32Array(sections.length).fill(-1);
  }

  /** Whether every line was taken. */
  read(): boolean {
    const bytes = this.bytes;
    for (;;) {
      this.#skipSpace();
      while (bytes[this.at] === 0x0a) {
        this.at += 1;
        this.#skipSpace();
      }
      if (this.at >= bytes.length) return this.row === this.#rows;
      if (this.row >= this.#rows || !this.#readRow()) return false;
      for (const section of this.#texts) section.offsets[this.row + 1] = section.textLength;
      this.row += 1;
      this.#skipSpace();
      if (this.at < bytes.length && bytes[this.at] !== 0x0a) return false;
    }
  }

  /** Within a line. */
  #skipSpace(): void {
    const bytes = this.bytes;
    for (let byte = bytes[this.at]; byte === 0x20 || byte === 0x09 || byte === 0x0d; byte = bytes[this.at])
      this.at += 1;
  }

  #readRow(): boolean {
    const bytes = this.bytes;
    if (bytes[this.at] !== 0x7b) return false;
    this.at += 1;
    this.#skipSpace();
    if (bytes[this.at] === 0x7d) {
      this.at += 1;
      return true;
    }
    for (let place = 0; ; place += 1) {
      const index = this.#readKey(place);
      if (index < 0 || this.#lastRow[index] === this.row) return false;
      this.#lastRow[index] = this.row;
      this.#skipSpace();
      if (bytes[this.at] !== 0x3a) return false;
      this.at += 1;
      this.#skipSpace();
      if (!this.#readValue(index)) return false;
      this.#skipSpace();
      const byte = bytes[this.at];
      this.at += 1;
      if (byte === 0x7d) return true;
      if (byte !== 0x2c) return false;
      this.#skipSpace();
    }
  }

  /** The column's index; -1 for what is none. */
  #readKey(place: number): number {
    const expected = this.#order[place];
    if (expected !== undefined && this.#holds(this.#keys[expected]!)) {
      this.at += this.#keys[expected]!.length;
      return expected;
    }
    const bytes = this.bytes;
    if (bytes[this.at] !== 0x22) return -1;
    const end = bytes.indexOf(0x22, this.at + 1);
    // A name with an escape is not found, or not whole.
    const index = end < 0 ? undefined : this.#names.get(bytes.toString('utf8', this.at + 1, end));
    if (index === undefined || !this.#holds(this.#keys[index]!)) return -1;
    this.at = end + 1;
    if (place < this.#sections.length) this.#order[place] = index;
    return index;
  }

  #holds(key: Buffer): boolean {
    const bytes = this.bytes;
    const at = this.at;
    for (let index = 0; index < key.length; index += 1) if (bytes[at + index] !== key[index]) return false;
    return true;
  }

  #readValue(index: number): boolean {
    const section = this.#sections[index]!;
    if (this.bytes[this.at] === 0x6e) return this.#readWord('null');
    switch (this.#kinds[index]) {
      case 'integer':
        return this.readLong(section, int32Max);
      case 'long':
        return this.readLong(section, bigintMax);
      case 'double':
        return this.readDouble(section);
      case 'boolean':
        return this.#readBoolean(section);
      case 'date':
        return this.#readDate(section);
      case 'timestamp':
        return this.#readTimestamp(section);
      case 'decimal':
        return this.readDecimal(section);
      case 'text':
        return this.#readText(section);
      default:
        return false;
    }
  }

  #readWord(word: string): boolean {
    for (let index = 0; index < word.length; index += 1)
      if (this.bytes[this.at + index] !== word.charCodeAt(index)) return false;
    this.at += word.length;
    return true;
  }

  #readBoolean(section: ColumnSection): boolean {
    const isTrue = this.bytes[this.at] === 0x74;
    if (!this.#readWord(isTrue ? 'true' : 'false')) return false;
    section.values[this.row] = isTrue ? 1 : 0;
    section.mark(this.row);
    return true;
  }

  #readDate(section: ColumnSection): boolean {
    const text = this.#readPlainText(12);
    const days = text === undefined ? undefined : parseDate(text);
    if (days === undefined) return false;
    section.words[this.row] = days;
    section.mark(this.row);
    return true;
  }

  #readTimestamp(section: ColumnSection): boolean {
    const micros = this.#readQuotedInstant();
    if (micros !== undefined) {
      section.writeSafeInteger(this.row, micros);
      section.mark(this.row);
      return true;
    }
    const text = this.#readPlainText(42);
    const instant = text === undefined ? undefined : parseTimestamp(text);
    if (instant === undefined) return false;
    section.longs[this.row] = BigInt(instant.seconds) * 1_000_000n + BigInt(instant.micros);
    section.mark(this.row);
    return true;
  }

  /** Nothing is read where it is written in another way. */
  #readQuotedInstant(): number | undefined {
    const start = this.at;
    if (this.bytes[start] !== 0x22) return undefined;
    this.at = start + 1;
    const micros = this.readInstant();
    if (micros !== undefined && this.bytes[this.at] === 0x22) {
      this.at += 1;
      return micros;
    }
    this.at = start;
    return undefined;
  }

  /** A text of at most so many bytes with its quotes, without an escape. */
  #readPlainText(bytesMax: number): string | undefined {
    const bytes = this.bytes;
    if (bytes[this.at] !== 0x22) return undefined;
    const end = bytes.subarray(0, this.at + bytesMax).indexOf(0x22, this.at + 1);
    if (end < 0) return undefined;
    const text = bytes.toString('latin1', this.at + 1, end);
    this.at = end + 1;
    return text;
  }

  #readText(section: ColumnSection): boolean {
    const bytes = this.bytes;
    let at = this.at + 1;
    if (bytes[this.at] !== 0x22) return false;
    const start = section.textLength;
    section.reserveText(64);
    let { text } = section;
    let to = start;
    for (let byte = bytes[at]!; byte !== 0x22; byte = bytes[at]!) {
      // Behind the end of the bytes nothing is larger either.
      if (byte === 0x5c || !(byte >= 0x20)) return byte === 0x5c && this.#readEscaped(section, at);
      if (to === text.length) {
        section.textLength = to;
        section.reserveText(to - start + 64);
        section.textLength = start;
        text = section.text;
      }
      text[to] = byte;
      to += 1;
      at += 1;
    }
    this.at = at + 1;
    return this.#endText(section, to);
  }

  /** `at`: the first escape. */
  #readEscaped(section: ColumnSection, at: number): boolean {
    const bytes = this.bytes;
    let end = at;
    for (let byte = bytes[end]; byte !== 0x22; byte = bytes[end]) {
      if (byte === undefined || byte < 0x20) return false;
      end += byte === 0x5c ? 2 : 1;
    }
    const text = parseText(bytes.toString('utf8', this.at, end + 1));
    if (text === undefined || !text.isWellFormed() || text.includes('\0')) return false;
    section.reserveText(end - this.at);
    this.at = end + 1;
    return this.#endText(section, section.textLength + section.text.write(text, section.textLength, 'utf8'));
  }

  #endText(section: ColumnSection, to: number): boolean {
    const length = to - section.textLength;
    if (length > textBytesMax || (length === 0 && section.column.refusesEmpty)) return false;
    section.textLength = to;
    section.mark(this.row);
    return true;
  }
}

function parseText(literal: string): string | undefined {
  try {
    const value: unknown = JSON.parse(literal);
    return typeof value === 'string' ? value : undefined;
  } catch {
    // No text of JSON: the caller leaves it to who says so.
    return undefined;
  }
}
