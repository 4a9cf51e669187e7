import { parseDate, parseTimestamp } from '@hybridstore/contracts';
import { assert, HybridStoreError, isExactNumber, isKeptAsDouble } from '@hybridstore/runtime';
import { batchVersion, columnDescriptorBytes, hasNullsFlag, payloadHeaderBytes, validityBytes } from './batch-codec.ts';
import { columnKind, valueBytes } from './column-kind.ts';
import { type EncodedColumn, type EncoderSchema, encodedColumn, textBytesMax } from './encoded-column.ts';
import { parseDecimal } from './parse-decimal.ts';
import { partitionsPerBatchMax, tooManyPartitions } from './partition-keys.ts';
import { actualTextMax, RefusedRecord } from './refused-record.ts';
import { Scratch } from './scratch.ts';

/**
 * JSON records → columnar batch, validated and encoded in one pass.
 *
 * Columns are the outer loop and records the inner one: the type is decided once per column, and each value goes from
 * the record straight to its place in the scratch memory; nothing is allocated per row. A refused value ends the pass;
 * only then are the records looked at one by one, so that the error names the first bad record, not the first bad column.
 */

export type FieldRecord = { readonly fields: Readonly<Record<string, unknown>> };

/** Text up to this length is copied by a loop, which is cheaper than a call into the runtime. */
const loopCopyLengthMax = 48;

export class BatchEncoder {
  readonly #columns: readonly EncodedColumn[];
  readonly #names: ReadonlySet<string>;
  readonly #partitionColumns: readonly string[];
  readonly #isDocument: boolean;
  readonly #scratch: Scratch;

  /** `isDocument`: the source has no declared schema, so each record's fields become one JSON text. */
  constructor(schema: EncoderSchema, scratch: Scratch = new Scratch()) {
    this.#columns = schema.columns.map((column) => encodedColumn(column, schema.partitionColumns));
    this.#names = new Set(schema.columns.map((column) => column.name));
    this.#partitionColumns = schema.partitionColumns;
    this.#isDocument = schema.isDocument;
    this.#scratch = scratch;
  }

  /**
   * The payload of a batch behind `reservedBytes` (a multiple of 8) of zeros, padded to a multiple of 8.
   * `invalid_request` names the first bad record, its field, what was expected and what came;
   * `too_large` records of too many partition values.
   */
  encode(records: readonly FieldRecord[], reservedBytes = 0): Buffer {
    requireFewPartitions(records, this.#partitionColumns);
    try {
      return this.#encodeAll(records, reservedBytes);
    } catch (error) {
      if (records.length > 1 && error instanceof RefusedRecord) this.#refuseFirst(records);
      throw error;
    }
  }

  #encodeAll(records: readonly FieldRecord[], reservedBytes: number): Buffer {
    const scratch = this.#scratch;
    scratch.restart();
    const headerBytes = payloadHeaderBytes + this.#columns.length * columnDescriptorBytes;
    scratch.ensure(headerBytes);
    scratch.bytes.writeUInt32LE(records.length, 0);
    scratch.bytes.writeUInt16LE(this.#columns.length, 4);
    scratch.bytes.writeUInt16LE(batchVersion, 6);
    scratch.position = headerBytes;
    if (!this.#isDocument) this.#requireKnownFields(records);
    for (const [index, column] of this.#columns.entries()) this.#encodeColumn(column, index, records);
    return copyOut(scratch, reservedBytes);
  }

  /** Column by column the first failure may sit in a late record; one by one finds the earliest. */
  #refuseFirst(records: readonly FieldRecord[]): void {
    records.forEach((record, index) => {
      try {
        this.#encodeAll([record], 0);
      } catch (error) {
        if (error instanceof RefusedRecord) throw error.at(index);
        throw error;
      }
    });
  }

  #requireKnownFields(records: readonly FieldRecord[]): void {
    const names = this.#names;
    for (let row = 0; row < records.length; row += 1) {
      const fields = records[row]!.fields;
      for (const name in fields) {
        if (!names.has(name))
          throw new RefusedRecord(row, name, `one of the columns ${[...names].slice(0, 20).join(', ')}`, fields[name]);
      }
    }
  }

  #encodeColumn(column: EncodedColumn, index: number, records: readonly FieldRecord[]): void {
    const scratch = this.#scratch;
    const start = scratch.position;
    const bitmapBytes = validityBytes(records.length);
    scratch.ensure(bitmapBytes);
    scratch.bytes.fill(0xff, start, start + bitmapBytes);
    scratch.position = start + bitmapBytes;
    const own = column.name in Object.prototype ? ownFieldsOnly(column.name, records) : records;
    const hasNulls = this.#encodeValues(column, own, start);
    scratch.align();
    const descriptorAt = payloadHeaderBytes + index * columnDescriptorBytes;
    scratch.bytes[descriptorAt] = column.kindCode;
    scratch.bytes[descriptorAt + 1] = column.scale;
    scratch.bytes.writeUInt16LE(hasNulls ? hasNullsFlag : 0, descriptorAt + 2);
    scratch.bytes.writeUInt32LE(scratch.position - start, descriptorAt + 4);
  }

  #encodeValues(column: EncodedColumn, records: readonly FieldRecord[], bitmapAt: number): boolean {
    if (this.#isDocument) return this.#encodeDocuments(column, records);
    if (column.type.kind === 'string' || column.type.kind === 'json')
      return this.#encodeText(column, records, bitmapAt, column.type.kind === 'json');
    return this.#encodeFixed(column, records, bitmapAt);
  }

  #encodeFixed(column: EncodedColumn, records: readonly FieldRecord[], bitmapAt: number): boolean {
    const scratch = this.#scratch;
    const width = valueBytes[columnKind(column.type)];
    const valuesAt = scratch.position;
    scratch.ensure(records.length * width + 8);
    scratch.bytes.fill(0, valuesAt, valuesAt + records.length * width);
    const write = fixedWriter(column, scratch, valuesAt);
    const name = column.name;
    let hasNulls = false;
    for (let row = 0; row < records.length; row += 1) {
      const value = records[row]!.fields[name];
      if (value === null || value === undefined) {
        this.#clearValid(column, row, bitmapAt);
        hasNulls = true;
      } else write(value, row);
    }
    scratch.position = valuesAt + records.length * width;
    return hasNulls;
  }

  #encodeText(column: EncodedColumn, records: readonly FieldRecord[], bitmapAt: number, isJson: boolean): boolean {
    const scratch = this.#scratch;
    const offsetsAt = scratch.position;
    const textAt = this.#startText(records.length);
    const name = column.name;
    let hasNulls = false;
    for (let row = 0; row < records.length; row += 1) {
      scratch.uint32[(offsetsAt >> 2) + row] = scratch.position - textAt;
      const value = records[row]!.fields[name];
      if (value === null || value === undefined) {
        this.#clearValid(column, row, bitmapAt);
        hasNulls = true;
      } else if (isJson) writeJson(scratch, value, row, name);
      else if (typeof value !== 'string') throw new RefusedRecord(row, name, 'text', value);
      else if (value === '' && column.refusesEmpty)
        throw new RefusedRecord(row, name, 'text that is not empty, since it is a partition value', value);
      else writeText(scratch, value, row, name);
    }
    scratch.uint32[(offsetsAt >> 2) + records.length] = scratch.position - textAt;
    return hasNulls;
  }

  #encodeDocuments(column: EncodedColumn, records: readonly FieldRecord[]): boolean {
    const scratch = this.#scratch;
    const offsetsAt = scratch.position;
    const textAt = this.#startText(records.length);
    for (let row = 0; row < records.length; row += 1) {
      scratch.uint32[(offsetsAt >> 2) + row] = scratch.position - textAt;
      writeJson(scratch, records[row]!.fields, row, column.name);
    }
    scratch.uint32[(offsetsAt >> 2) + records.length] = scratch.position - textAt;
    return false;
  }

  /** Reserves the offsets and returns where the text begins. */
  #startText(rows: number): number {
    const offsetsBytes = (rows + 1) * 4;
    this.#scratch.ensure(offsetsBytes);
    this.#scratch.position += offsetsBytes;
    return this.#scratch.position;
  }

  #clearValid(column: EncodedColumn, row: number, bitmapAt: number): void {
    if (!column.isNullable) throw new RefusedRecord(row, column.name, `${column.type.kind}, not null`, null);
    const at = bitmapAt + (row >> 3);
    this.#scratch.bytes[at] = this.#scratch.bytes[at]! & ~(1 << (row & 7));
  }
}

/** Columns may be called `constructor` or `toString`: what a record merely inherits is not its value. */
function ownFieldsOnly(name: string, records: readonly FieldRecord[]): FieldRecord[] {
  return records.map(({ fields }) => ({
    fields: Object.hasOwn(fields, name) ? { [name]: fields[name] } : { [name]: null },
  }));
}

function copyOut(scratch: Scratch, reservedBytes: number): Buffer {
  assert(reservedBytes % 8 === 0, 'reserved bytes keep the alignment');
  const result = Buffer.allocUnsafe(reservedBytes + scratch.position);
  result.fill(0, 0, reservedBytes);
  result.set(scratch.bytes.subarray(0, scratch.position), reservedBytes);
  return result;
}

type FixedWriter = (value: unknown, row: number) => void;

function fixedWriter(column: EncodedColumn, scratch: Scratch, valuesAt: number): FixedWriter {
  const { name, type } = column;
  switch (type.kind) {
    case 'integer':
      return integerWriter(name, scratch.int32, valuesAt >> 2);
    case 'bigint':
      return bigintWriter(name, scratch, valuesAt);
    case 'double':
      return doubleWriter(name, scratch.float64, valuesAt >> 3);
    case 'boolean':
      return booleanWriter(name, scratch.bytes, valuesAt);
    case 'date':
      return dateWriter(name, scratch.int32, valuesAt >> 2);
    case 'timestamp':
      return timestampWriter(name, scratch, valuesAt);
    case 'decimal':
      return decimalWriter(name, type, scratch.int64, valuesAt >> 3);
    default:
      throw new HybridStoreError('internal', `column ${name}: ${type.kind} has no fixed width`);
  }
}

function integerWriter(name: string, words: Int32Array, at: number): FixedWriter {
  return (value, row) => {
    const number = isExactNumber(value) && isKeptAsDouble(value.rawJSON) ? Number(value.rawJSON) : value;
    if (typeof number !== 'number' || (number | 0) !== number)
      throw new RefusedRecord(row, name, 'an integer from -2147483648 to 2147483647', value);
    words[at + row * 2] = number;
    words[at + row * 2 + 1] = number < 0 ? -1 : 0;
  };
}

/** The digits of a number or of a text that spells one; undefined for anything else. */
function numberText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (!isExactNumber(value)) return undefined;
  return isKeptAsDouble(value.rawJSON) ? String(Number(value.rawJSON)) : value.rawJSON;
}

const bigintExpected = 'an integer of 64 bits';

function bigintWriter(name: string, scratch: Scratch, valuesAt: number): FixedWriter {
  return (value, row) => {
    if (Number.isSafeInteger(value)) {
      // `isSafeInteger` is true of numbers only.
      writeSafeInteger(scratch, valuesAt + row * 8, value as number);
      return;
    }
    const text = numberText(value);
    if (text === undefined || !/^-?\d{1,19}$/.test(text)) throw new RefusedRecord(row, name, bigintExpected, value);
    const integer = BigInt(text);
    if (BigInt.asIntN(64, integer) !== integer) throw new RefusedRecord(row, name, bigintExpected, value);
    scratch.int64[(valuesAt >> 3) + row] = integer;
  };
}

/** A number of at most 53 bits as a 64-bit integer, without making a BigInt. */
function writeSafeInteger(scratch: Scratch, at: number, value: number): void {
  const high = Math.floor(value / 4_294_967_296);
  scratch.uint32[at >> 2] = value - high * 4_294_967_296;
  scratch.int32[(at >> 2) + 1] = high;
}

const doubleWords: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

function doubleWriter(name: string, values: Float64Array, at: number): FixedWriter {
  return (value, row) => {
    const written = isExactNumber(value) ? Number(value.rawJSON) : value;
    const number = typeof written === 'number' ? written : doubleWords.get(value);
    // A number such as 1e999 overflows: it would become an infinity that nobody wrote.
    if (number === undefined || (number === written && !Number.isFinite(number)))
      throw new RefusedRecord(row, name, 'a number, or "NaN", "Infinity" or "-Infinity"', value);
    values[at + row] = number;
  };
}

function booleanWriter(name: string, bytes: Buffer, at: number): FixedWriter {
  return (value, row) => {
    if (typeof value !== 'boolean') throw new RefusedRecord(row, name, 'true or false', value);
    bytes[at + row] = value ? 1 : 0;
  };
}

function dateWriter(name: string, days: Int32Array, at: number): FixedWriter {
  return (value, row) => {
    const parsed = typeof value === 'string' ? parseDate(value) : undefined;
    if (parsed === undefined) throw new RefusedRecord(row, name, 'a date as YYYY-MM-DD', value);
    days[at + row] = parsed;
  };
}

const timestampExpected = 'a time in ISO 8601 with at most microseconds, such as 2024-05-01T12:30:00.5Z';
/** Seconds whose microseconds stay below 2^53, so that plain numbers are exact: the years 1685 to 2255. */
const exactSecondsMax = 9_000_000_000;

function timestampWriter(name: string, scratch: Scratch, valuesAt: number): FixedWriter {
  return (value, row) => {
    const instant = typeof value === 'string' ? parseTimestamp(value) : undefined;
    if (instant === undefined) throw new RefusedRecord(row, name, timestampExpected, value);
    if (Math.abs(instant.seconds) < exactSecondsMax)
      writeSafeInteger(scratch, valuesAt + row * 8, instant.seconds * 1_000_000 + instant.micros);
    else scratch.int64[(valuesAt >> 3) + row] = BigInt(instant.seconds) * 1_000_000n + BigInt(instant.micros);
  };
}

function decimalWriter(
  name: string,
  type: { readonly precision: number; readonly scale: number },
  words: BigInt64Array,
  at: number,
): FixedWriter {
  const expected = `a number or text of at most ${type.precision} digits, ${type.scale} of them after the point`;
  return (value, row) => {
    const text = numberText(value);
    const unscaled = text === undefined ? undefined : parseDecimal(text, type.precision, type.scale);
    if (unscaled === undefined) throw new RefusedRecord(row, name, expected, value);
    words[at + row * 2] = BigInt.asIntN(64, unscaled);
    words[at + row * 2 + 1] = unscaled >> 64n;
  };
}

const expectedText = 'text without lone UTF-16 surrogates';
/** As in PostgreSQL. No statement could name one. */
const expectedNoNul = 'text without NUL characters';

/** Any JSON value as text. Lone surrogates and NUL leave JSON.stringify as escapes, which no strict reader would take. */
function writeJson(scratch: Scratch, value: unknown, row: number, name: string): void {
  const text = JSON.stringify(value);
  if (text.includes('\\ud') && /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/.test(text))
    throw new RefusedRecord(row, name, expectedText, value);
  if (text.includes('\\u0000') && /(?:^|[^\\])(?:\\\\)*\\u0000/.test(text))
    throw new RefusedRecord(row, name, expectedNoNul, value);
  writeText(scratch, text, row, name);
}

function writeText(scratch: Scratch, text: string, row: number, name: string): void {
  const length = text.length;
  scratch.ensure(length * 3 + 8);
  if (length > loopCopyLengthMax || !copyAscii(scratch, text)) {
    if (!text.isWellFormed()) throw new RefusedRecord(row, name, expectedText, text);
    if (text.includes('\0')) throw new RefusedRecord(row, name, expectedNoNul, text);
    const written = scratch.bytes.write(text, scratch.position, 'utf8');
    if (written > textBytesMax)
      throw new RefusedRecord(row, name, `at most ${textBytesMax} bytes of UTF-8`, text.slice(0, actualTextMax));
    scratch.position += written;
  }
}

/** False, with nothing kept, when a character is not ASCII, or NUL. */
function copyAscii(scratch: Scratch, text: string): boolean {
  const { bytes, position } = scratch;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 127 || code === 0) return false;
    bytes[position + index] = code;
  }
  scratch.position = position + text.length;
  return true;
}

function requireFewPartitions(records: readonly FieldRecord[], columns: readonly string[]): void {
  if (columns.length === 0 || records.length <= partitionsPerBatchMax) return;
  const values = new Set(records.map(({ fields }) => columns.map((name) => String(fields[name])).join('\n')));
  if (values.size <= partitionsPerBatchMax) return;
  throw tooManyPartitions(values.size);
}
