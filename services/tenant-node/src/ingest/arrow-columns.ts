import { isUtf8 } from 'node:buffer';
import { type ColumnSection, RefusedRecord, textBytesMax } from '@hybridstore/engine';
import { HybridStoreError } from '@hybridstore/runtime';
import { type Data, DataType, DateUnit, TimeUnit } from 'apache-arrow';

/**
 * Columns of an Arrow record batch into those of a batch of ours. Both lay values, validity and texts in the same way, so
 * most of it is copied whole and then looked at; every length that the stream names is checked against the bytes there are,
 * because anybody may have written it. What a column takes, by its type:
 *
 *   integer, bigint   whole numbers of 8 to 64 bits, within its range
 *   double            floats of 32 and 64 bits, whole numbers
 *   decimal           Decimal128, whole numbers, when no digit is lost
 *   boolean           Bool
 *   date              Date32, Date64 of whole days
 *   timestamp         Timestamp of every unit, with or without a zone (UTC), when no digit is lost
 *   string, json      Utf8, LargeUtf8, and dictionaries of them (a text in a json column is a JSON text)
 *   any               Null
 */
export type WriteRows = (firstRow: number) => void;

const microsPerDay = 86_400_000_000;
const expectedTypes: Readonly<Record<string, string>> = {
  integer: 'whole numbers',
  bigint: 'whole numbers',
  double: 'Float64, Float32 or whole numbers',
  decimal: 'Decimal128 or whole numbers',
  boolean: 'Bool',
  date: 'Date32 or Date64',
  timestamp: 'Timestamp',
  string: 'Utf8, LargeUtf8 or a dictionary of them',
  json: 'Utf8, LargeUtf8 or a dictionary of them',
};

/** How the rows of `data` come into the section. `invalid_request` for a type that the column cannot hold, by its name. */
export function columnWriter(section: ColumnSection, data: Data): WriteRows {
  const { type } = data;
  if (DataType.isNull(type)) return () => {};
  const write = writerOf(section, data);
  if (write) return write;
  const { name, type: own } = section.column;
  const expected = expectedTypes[own.kind] ?? own.kind;
  throw new HybridStoreError('invalid_request', `column ${name}: expected ${expected} for ${own.kind}, got ${type}`, {
    field: name,
    column: name,
    expected,
    actual: String(type),
  });
}

function writerOf(section: ColumnSection, data: Data): WriteRows | undefined {
  const { type } = data;
  switch (section.column.type.kind) {
    case 'integer':
      return DataType.isInt(type) ? (first) => writeIntegers(section, data, first, 'integer') : undefined;
    case 'bigint':
      return DataType.isInt(type) ? (first) => writeIntegers(section, data, first, 'bigint') : undefined;
    case 'double':
      if (DataType.isInt(type) || (DataType.isFloat(type) && type.precision > 0))
        return (first) => writeDoubles(section, data, first);
      return undefined;
    case 'decimal':
      if (DataType.isInt(type)) return (first) => writeDecimals(section, data, first, 0);
      return DataType.isDecimal(type) && type.bitWidth === 128
        ? (first) => writeDecimals(section, data, first, type.scale)
        : undefined;
    case 'boolean':
      return DataType.isBool(type) ? (first) => writeBooleans(section, data, first) : undefined;
    case 'date':
      return DataType.isDate(type) ? (first) => writeDays(section, data, first, type.unit) : undefined;
    case 'timestamp':
      return DataType.isTimestamp(type) ? (first) => writeInstants(section, data, first, type.unit) : undefined;
    case 'string':
    case 'json':
      if (isText(type)) return (first) => writeTexts(section, data, first);
      return DataType.isDictionary(type) && isText(type.dictionary)
        ? (first) => writeDictionary(section, data, first)
        : undefined;
  }
}

function isText(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type);
}

/** The rows that have a value are marked; gives who asks whether a row has none. */
function markRows(section: ColumnSection, data: Data, firstRow: number): (row: number) => boolean {
  const isNull = nullsOf(section, data);
  for (let row = 0; row < data.length; row += 1) if (!isNull(row)) section.mark(firstRow + row);
  return isNull;
}

function nullsOf(section: ColumnSection, { nullCount, nullBitmap, length }: Data): (row: number) => boolean {
  if (nullCount <= 0) return () => false;
  if (!(nullBitmap instanceof Uint8Array) || nullBitmap.length < Math.ceil(length / 8)) throw shorter(section);
  return (row) => (nullBitmap[row >> 3]! & (1 << (row & 7))) === 0;
}

function shorter({ column: { name } }: ColumnSection): HybridStoreError {
  return new HybridStoreError('invalid_request', `column ${name}: its buffers are shorter than its rows, or broken`, {
    field: name,
    column: name,
  });
}

type Numbers =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** `count` of the values that a column stores, as the library has cut them out. */
function valuesOf<T extends Numbers>(section: ColumnSection, data: Data, count = data.length): T {
  // The library gives each type the array of its width; `data.type` was looked at.
  const values = data.values as T | undefined;
  if (values === undefined || values.length < count) throw shorter(section);
  return values;
}

function isBig(values: Numbers): values is BigInt64Array | BigUint64Array {
  return values instanceof BigInt64Array || values instanceof BigUint64Array;
}

const integerExpected = {
  integer: 'an integer from -2147483648 to 2147483647',
  bigint: 'an integer of 64 bits',
} as const;

function writeIntegers(section: ColumnSection, data: Data, firstRow: number, kind: 'integer' | 'bigint'): void {
  const { name } = section.column;
  const values = valuesOf<Numbers>(section, data);
  const isNull = markRows(section, data, firstRow);
  const isLong = values instanceof BigInt64Array;
  if (isLong && kind === 'bigint') section.longs.set(values.subarray(0, data.length), firstRow);
  for (let row = 0; row < data.length; row += 1) {
    if (isNull(row)) {
      if (isLong) section.longs[firstRow + row] = 0n;
      continue;
    }
    if (isLong && kind === 'bigint') continue;
    const value = values[row]!;
    const bits = kind === 'integer' ? 32 : 64;
    const fits =
      typeof value === 'bigint' ? BigInt.asIntN(bits, value) === value : kind === 'bigint' || (value | 0) === value;
    if (!fits) throw new RefusedRecord(firstRow + row, name, integerExpected[kind], shown(value));
    if (typeof value === 'bigint') section.longs[firstRow + row] = value;
    else section.writeSafeInteger(firstRow + row, value);
  }
}

function shown(value: number | bigint): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function writeDoubles(section: ColumnSection, data: Data, firstRow: number): void {
  const values = valuesOf<Numbers>(section, data);
  const isNull = markRows(section, data, firstRow);
  const { doubles } = section;
  if (values instanceof Float64Array) doubles.set(values.subarray(0, data.length), firstRow);
  else if (isBig(values)) for (let row = 0; row < data.length; row += 1) doubles[firstRow + row] = Number(values[row]);
  else for (let row = 0; row < data.length; row += 1) doubles[firstRow + row] = values[row]!;
  if (data.nullCount > 0) for (let row = 0; row < data.length; row += 1) if (isNull(row)) doubles[firstRow + row] = 0;
}

function writeDecimals(section: ColumnSection, data: Data, firstRow: number, scale: number): void {
  const { name, type } = section.column;
  if (type.kind !== 'decimal') throw shorter(section);
  const isDecimal = DataType.isDecimal(data.type);
  const values = valuesOf<Numbers>(section, data, data.length * (isDecimal ? 4 : 1));
  const isNull = markRows(section, data, firstRow);
  const expected = `a number or text of at most ${type.precision} digits, ${type.scale} of them after the point`;
  const end = 10n ** BigInt(type.precision);
  // Below it every number has few enough digits, and a double holds it.
  const safeEnd = 10 ** Math.min(type.precision, 15);
  const shift = type.scale - scale;
  const words = new Int32Array(section.words.buffer);
  for (let row = 0; row < data.length; row += 1) {
    if (isNull(row)) continue;
    const at = firstRow + row;
    if (isDecimal && shift === 0 && copySmall(values as Uint32Array, row * 4, words, at * 4, safeEnd)) continue;
    const stored = isDecimal ? decimalAt(values as Uint32Array, row * 4) : BigInt(values[row]!);
    const divisor = shift < 0 ? 10n ** BigInt(-shift) : 1n;
    const unscaled = shift < 0 ? stored / divisor : stored * 10n ** BigInt(shift);
    if ((shift < 0 && stored % divisor !== 0n) || unscaled >= end || unscaled <= -end)
      throw new RefusedRecord(at, name, expected, decimalText(stored, scale));
    section.longs[at * 2] = BigInt.asIntN(64, unscaled);
    section.longs[at * 2 + 1] = unscaled >> 64n;
  }
}

/** Copies the four words of a decimal when it is small. */
function copySmall(from: Uint32Array, at: number, to: Int32Array, target: number, end: number): boolean {
  const sign = from[at + 3]! | 0;
  if ((sign !== 0 && sign !== -1) || (from[at + 2]! | 0) !== sign || (from[at + 1]! | 0) < 0 !== sign < 0) return false;
  const value = (from[at + 1]! | 0) * 4_294_967_296 + from[at]!;
  if (!(value < end && value > -end)) return false;
  to[target] = from[at]!;
  to[target + 1] = from[at + 1]!;
  to[target + 2] = sign;
  to[target + 3] = sign;
  return true;
}

function decimalAt(words: Uint32Array, at: number): bigint {
  const low = BigInt(words[at]!) | (BigInt(words[at + 1]!) << 32n);
  const high = BigInt(words[at + 2]!) | (BigInt(words[at + 3]!) << 32n);
  return (BigInt.asIntN(64, high) << 64n) | low;
}

function decimalText(unscaled: bigint, scale: number): string {
  return scale === 0 ? String(unscaled) : `${unscaled}E${-scale}`;
}

function writeBooleans(section: ColumnSection, data: Data, firstRow: number): void {
  const bits = valuesOf<Uint8Array>(section, data, Math.ceil(data.length / 8));
  const isNull = markRows(section, data, firstRow);
  for (let row = 0; row < data.length; row += 1)
    section.values[firstRow + row] = isNull(row) ? 0 : (bits[row >> 3]! >> (row & 7)) & 1;
}

/** 0001-01-01 and 9999-12-31. */
const dayMin = -719_162;
const dayMax = 2_932_896;
const millisPerDay = 86_400_000;

function writeDays(section: ColumnSection, data: Data, firstRow: number, unit: DateUnit): void {
  const { name } = section.column;
  const values = valuesOf<Int32Array | BigInt64Array>(section, data);
  const isNull = markRows(section, data, firstRow);
  for (let row = 0; row < data.length; row += 1) {
    if (isNull(row)) continue;
    const value = Number(values[row]);
    const day = unit === DateUnit.DAY ? value : value / millisPerDay;
    if (!(Number.isInteger(day) && day >= dayMin && day <= dayMax))
      throw new RefusedRecord(firstRow + row, name, 'a date of the years 0001 to 9999', value);
    section.words[firstRow + row] = day;
  }
}

const instantMin = BigInt(dayMin) * BigInt(microsPerDay);
const instantEnd = BigInt(dayMax + 1) * BigInt(microsPerDay);
const highMin = Number(instantMin >> 32n);
const highMax = Number(instantEnd >> 32n);
const nanosPerMicro = 1_000;

function writeInstants(section: ColumnSection, data: Data, firstRow: number, unit: TimeUnit): void {
  const { name } = section.column;
  const values = valuesOf<BigInt64Array>(section, data);
  const isNull = markRows(section, data, firstRow);
  const words = new Int32Array(values.buffer, values.byteOffset, data.length * 2);
  for (let row = 0; row < data.length; row += 1) {
    if (isNull(row)) continue;
    const at = firstRow + row;
    const high = words[row * 2 + 1]!;
    if (unit === TimeUnit.MICROSECOND && high > highMin && high < highMax) section.longs[at] = values[row]!;
    else {
      const micros = microsOf(values[row]!, unit);
      if (micros === undefined)
        throw new RefusedRecord(at, name, 'a time with at most microseconds', `${values[row]} ns since 1970`);
      if (micros < instantMin || micros >= instantEnd)
        throw new RefusedRecord(at, name, 'a time of the years 0001 to 9999', `${micros} µs since 1970`);
      section.longs[at] = micros;
    }
  }
}

function microsOf(value: bigint, unit: TimeUnit): bigint | undefined {
  switch (unit) {
    case TimeUnit.SECOND:
      return value * 1_000_000n;
    case TimeUnit.MILLISECOND:
      return value * 1_000n;
    case TimeUnit.MICROSECOND:
      return value;
    case TimeUnit.NANOSECOND:
      return value % BigInt(nanosPerMicro) === 0n ? value / BigInt(nanosPerMicro) : undefined;
  }
}

/** Texts that lie one behind the other: text i is the bytes from `starts[i]` to `starts[i + 1]`. */
type Texts = { readonly bytes: Buffer; readonly starts: Int32Array | Float64Array };

function textsOf(section: ColumnSection, data: Data): Texts {
  const { valueOffsets: offsets, length: rows } = data;
  const values = (data.values ?? new Uint8Array(0)) as Uint8Array;
  // A column without rows may have no offsets at all.
  if (rows === 0) return { bytes: Buffer.alloc(0), starts: new Int32Array(1) };
  if (offsets === undefined || offsets.length < rows + 1) throw shorter(section);
  const starts = offsets instanceof BigInt64Array ? Float64Array.from(offsets, Number) : (offsets as Int32Array);
  if (!(starts[0]! >= 0) || starts[rows]! > values.length) throw shorter(section);
  for (let row = 0; row < rows; row += 1) if (starts[row + 1]! < starts[row]!) throw shorter(section);
  return { bytes: Buffer.from(values.buffer, values.byteOffset, values.byteLength), starts };
}

function writeTexts(section: ColumnSection, data: Data, firstRow: number): void {
  const texts = textsOf(section, data);
  const isNull = markRows(section, data, firstRow);
  const { bytes, starts } = texts;
  const rows = data.length;
  const isPlain = section.column.type.kind === 'string';
  let isCompact = true;
  if (data.nullCount > 0)
    for (let row = 0; row < rows && isCompact; row += 1) isCompact = !isNull(row) || starts[row] === starts[row + 1];
  if (isPlain && isCompact && isSound(section, texts, rows)) {
    const [from, to] = [starts[0]!, starts[rows]!];
    section.reserveText(to - from);
    bytes.copy(section.text, section.textLength, from, to);
    const shift = section.textLength - from;
    for (let row = 0; row < rows; row += 1) section.offsets[firstRow + row + 1] = starts[row + 1]! + shift;
    section.textLength += to - from;
    return;
  }
  for (let row = 0; row < rows; row += 1) {
    if (!isNull(row)) writeText(section, firstRow + row, bytes.subarray(starts[row]!, starts[row + 1]!));
    section.offsets[firstRow + row + 1] = section.textLength;
  }
}

/** Whether all texts are what a column takes. UTF-8 that is whole in the middle of none of its characters is UTF-8 in each. */
function isSound({ column }: ColumnSection, { bytes, starts }: Texts, rows: number): boolean {
  const [from, to] = [starts[0]!, starts[rows]!];
  const range = bytes.subarray(from, to);
  if (!isUtf8(range) || range.includes(0)) return false;
  for (let row = 0; row < rows; row += 1) {
    const length = starts[row + 1]! - starts[row]!;
    if (length > textBytesMax || (length === 0 && column.refusesEmpty)) return false;
    if (length > 0 && (bytes[starts[row]!]! & 0xc0) === 0x80) return false;
  }
  return true;
}

function writeText(section: ColumnSection, row: number, bytes: Buffer): void {
  const { name, type, refusesEmpty } = section.column;
  if (!isUtf8(bytes)) throw new RefusedRecord(row, name, 'text in UTF-8', bytes.toString('hex', 0, 32));
  if (bytes.includes(0))
    throw new RefusedRecord(row, name, 'text without NUL characters', bytes.toString('utf8', 0, 200));
  if (bytes.length === 0 && refusesEmpty)
    throw new RefusedRecord(row, name, 'text that is not empty, since it is a partition value', '');
  const written = type.kind === 'json' ? Buffer.from(JSON.stringify(bytes.toString('utf8'))) : bytes;
  if (written.length > textBytesMax)
    throw new RefusedRecord(row, name, `at most ${textBytesMax} bytes of UTF-8`, bytes.toString('utf8', 0, 80));
  section.reserveText(written.length);
  written.copy(section.text, section.textLength);
  section.textLength += written.length;
}

function writeDictionary(section: ColumnSection, data: Data, firstRow: number): void {
  const keys = valuesOf<Numbers>(section, data);
  const isNull = markRows(section, data, firstRow);
  const entries = (data.dictionary?.data ?? []).flatMap((part) => {
    const { bytes, starts } = textsOf(section, part);
    const isNone = nullsOf(section, part);
    return Array.from({ length: part.length }, (_, index) =>
      isNone(index) ? null : bytes.subarray(starts[index], starts[index + 1]),
    );
  });
  for (let row = 0; row < data.length; row += 1) {
    const entry = isNull(row) ? null : entries[Number(keys[row])];
    if (entry === undefined) throw shorter(section);
    if (entry !== null) writeText(section, firstRow + row, entry);
    else if (!isNull(row)) section.unmark(firstRow + row);
    section.offsets[firstRow + row + 1] = section.textLength;
  }
}
