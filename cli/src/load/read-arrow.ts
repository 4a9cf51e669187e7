import { type FileHandle, open } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';
import type { Column } from '@hybridstore/contracts';
import { decodeLz4Frame, HybridStoreError } from '@hybridstore/runtime';
import {
  type AsyncRecordBatchFileReader,
  type AsyncRecordBatchStreamReader,
  Binary,
  BinaryView,
  CompressionType,
  compressionRegistry,
  type Data,
  DataType,
  DateUnit,
  type Field,
  LargeBinary,
  RecordBatchReader,
  type Schema,
  TimeUnit,
  Vector,
} from 'apache-arrow';
import { formatDay, formatDecimal, formatInstant, formatTimeOfDay } from './exact-values.ts';
import { decodeText, objectOfEntries, RefusedValue, requireFiniteDays, requireFiniteUnits } from './refused-value.ts';
import type { ReadOptions, ReadRow } from './row.ts';

type Cell = (row: number) => unknown;

const featherOneMagic = 'FEA1';
const millisPerDay = 86_400_000n;
const unitsPerSecond: Readonly<Record<TimeUnit, bigint>> = {
  [TimeUnit.SECOND]: 1n,
  [TimeUnit.MILLISECOND]: 1_000n,
  [TimeUnit.MICROSECOND]: 1_000_000n,
  [TimeUnit.NANOSECOND]: 1_000_000_000n,
};

/**
 * Arrow IPC: the file format (`.arrow`, Feather version 2) and the stream format (`.arrows`), a record batch at a time.
 * A column becomes a function from row to JSON value once per batch, so that the choice by type is not made per cell.
 *
 * Rows of an Arrow IPC file or stream. A type that JSON has no form for is refused before the first row, with its column.
 */
export async function* readArrow(path: string, _options: ReadOptions = {}): AsyncGenerator<ReadRow> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const reader = await openReader(path, file);
    checkSchema(path, reader.schema);
    let rowsBefore = 0;
    let bytesBefore = 0;
    const shareOfBatch = 'numRecordBatches' in reader ? size / reader.numRecordBatches : undefined;
    for await (const batch of readBatches(path, reader)) {
      const columns = batch.schema.fields.map(
        (field, index) => [String(field.name), cellsOf(childOf(batch.data, index))] as const,
      );
      // A stream does not say how many batches will come: there the batch's place in memory stands for its bytes in the file.
      const batchBytes = shareOfBatch ?? finiteOr(0, batch.data.byteLength);
      for (let row = 0; row < batch.numRows; row += 1) {
        const bytesRead = Math.min(size, Math.round(bytesBefore + (batchBytes * (row + 1)) / batch.numRows));
        yield { unit: 'row', position: rowsBefore + row + 1, bytesRead, ...readFields(columns, row) };
      }
      rowsBefore += batch.numRows;
      bytesBefore += batchBytes;
    }
  } finally {
    await file.close();
  }
}

/** The columns that keep what the file has. */
export async function describeArrow(path: string): Promise<readonly Column[]> {
  const file = await open(path);
  try {
    const { schema } = await openReader(path, file);
    checkSchema(path, schema);
    return schema.fields.map(({ name, type }) => ({ name: String(name), type: columnTypeOf(type) }));
  } finally {
    await file.close();
  }
}

function columnTypeOf(type: DataType): string {
  if (DataType.isDictionary(type)) return columnTypeOf(type.dictionary);
  if (DataType.isBool(type)) return 'boolean';
  if (DataType.isInt(type)) {
    if (type.bitWidth === 64) return type.isSigned ? 'bigint' : 'decimal(20,0)';
    return type.bitWidth === 32 && !type.isSigned ? 'bigint' : 'integer';
  }
  if (DataType.isFloat(type)) return 'double';
  if (DataType.isDecimal(type)) return type.scale >= 0 ? `decimal(38,${type.scale})` : 'decimal(38,0)';
  if (DataType.isDate(type)) return 'date';
  if (DataType.isTimestamp(type)) return 'timestamp';
  return (type.children ?? []).length > 0 ? 'json' : 'string';
}

function readFields(columns: readonly (readonly [name: string, cell: Cell])[], row: number) {
  const fields: Record<string, unknown> = {};
  for (const [name, cell] of columns) {
    try {
      fields[name] = cell(row);
    } catch (error) {
      if (error instanceof RefusedValue) return { rejection: `${name}: ${error.message}` };
      throw error;
    }
  }
  return { fields };
}

/** The library gives infinity for a column of nulls only. */
function finiteOr(otherwise: number, value: number): number {
  return Number.isFinite(value) ? value : otherwise;
}

type Opened = AsyncRecordBatchFileReader | AsyncRecordBatchStreamReader;

async function openReader(path: string, file: FileHandle): Promise<Opened> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(featherOneMagic.length), 0, featherOneMagic.length, 0);
  if (buffer.toString('latin1', 0, bytesRead) === featherOneMagic)
    throw new HybridStoreError(
      'invalid_request',
      `${path}: expected Arrow IPC (Feather version 2), found Feather version 1`,
    );
  compressionRegistry.set(CompressionType.ZSTD, { decode: (bytes) => zstdDecompressSync(bytes) });
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: decodeLz4Frame });
  try {
    const reader = await RecordBatchReader.from(file);
    const opened = await reader.open();
    if (opened.schema === undefined || opened.schema === null) throw new RangeError('it holds no schema');
    return opened as Opened; // a reader of a file handle is one of the two
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function* readBatches(path: string, reader: Opened) {
  const batches = reader[Symbol.asyncIterator]();
  for (;;) {
    let next: Awaited<ReturnType<typeof batches.next>>;
    try {
      next = await batches.next();
    } catch (cause) {
      throw unreadable(path, cause);
    }
    if (next.done) return;
    yield next.value;
  }
}

function unreadable(path: string, cause: unknown): HybridStoreError {
  // A TypeError speaks of the library's insides, met where the bytes are not what they should be.
  const isDamaged = !(cause instanceof Error) || cause instanceof TypeError;
  const reason = isDamaged ? 'it is damaged or cut off' : cause.message.replaceAll(/\s+/g, ' ').replace(/\.$/, '');
  return new HybridStoreError('invalid_request', `${path}: not readable as Arrow IPC (${reason})`, {}, { cause });
}

function checkSchema(path: string, schema: Schema): void {
  checkNames(path, 'columns', schema.fields);
  for (const field of schema.fields) checkType(path, String(field.name), field.type);
}

/** Of two fields with one name the first would be lost without a word. */
function checkNames(path: string, what: string, fields: readonly Field[]): void {
  const names = fields.map((field) => String(field.name));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new HybridStoreError('invalid_request', `${path}: ${what}: expected a name for each, found ${twice} twice`);
}

function checkType(path: string, column: string, type: DataType): void {
  const [child] = type.children ?? [];
  if (DataType.isDictionary(type)) checkType(path, column, type.dictionary);
  else if (DataType.isMap(type)) {
    const [key, value] = child?.type.children ?? [];
    if (!key || !value || !isText(key.type)) throw unsupported(path, column, `${type} (keys that are no text)`);
    checkType(path, `${column}.${String(value.name)}`, value.type);
  } else if (DataType.isStruct(type)) {
    checkNames(path, column, type.children);
    for (const field of type.children) checkType(path, `${column}.${String(field.name)}`, field.type);
  } else if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type)) {
    if (child) checkType(path, `${column}[]`, child.type);
  } else if (!isPlain(type)) throw unsupported(path, column, String(type));
}

function unsupported(path: string, column: string, type: string): HybridStoreError {
  return new HybridStoreError(
    'invalid_request',
    `${path}: column ${column}: expected a type that JSON has a form for, found ${type}`,
    { column, actual: type },
  );
}

function isText(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type);
}

function isPlain(type: DataType): boolean {
  return (
    isText(type) ||
    DataType.isNull(type) ||
    DataType.isBool(type) ||
    DataType.isInt(type) ||
    DataType.isFloat(type) ||
    DataType.isDecimal(type) ||
    DataType.isDate(type) ||
    DataType.isTime(type) ||
    DataType.isTimestamp(type) ||
    DataType.isBinary(type) ||
    DataType.isLargeBinary(type) ||
    DataType.isBinaryView(type) ||
    DataType.isFixedSizeBinary(type)
  );
}

/** Cells of a column in one batch. Integers come as numbers or bigints, bytes as they are: `prepareRow` gives them their form on the wire. */
function cellsOf(data: Data): Cell {
  const { type } = data;
  const read = readerOf(data, type);
  return DataType.isNull(type) ? () => null : (row) => (data.getValid(row) ? read(row) : null);
}

function readerOf(data: Data, type: DataType): Cell {
  if (DataType.isTimestamp(type)) {
    const perSecond = unitsPerSecond[type.unit];
    return (row) => formatInstant(requireFiniteUnits(BigInt(data.values[row])), perSecond);
  }
  if (DataType.isTime(type)) {
    const perSecond = unitsPerSecond[type.unit];
    return (row) => formatTimeOfDay(BigInt(data.values[row]), perSecond);
  }
  if (DataType.isDate(type))
    return type.unit === DateUnit.DAY ? (row) => formatDay(requireFiniteDays(data.values[row])) : millisAsDay(data);
  if (DataType.isDecimal(type)) {
    const words = type.bitWidth / 32;
    return (row) => formatDecimal(readWords(data.values, row * words, words), type.scale);
  }
  if (DataType.isDictionary(type)) return dictionaryCells(data);
  if (DataType.isStruct(type)) return structCells(data, type.children);
  if (DataType.isMap(type)) return mapCells(data);
  if (DataType.isFixedSizeList(type)) return fixedListCells(data, type.listSize);
  if (DataType.isList(type) || DataType.isLargeList(type)) return listCells(data);
  if (isText(type)) return textCells(data);
  const vector = new Vector([data]);
  return (row) => vector.get(row);
}

/** The library puts U+FFFD in place of what is not UTF-8; as binary the same bytes come as they are. */
function textCells(data: Data): Cell {
  const type = DataType.isUtf8View(data.type)
    ? new BinaryView()
    : DataType.isLargeUtf8(data.type)
      ? new LargeBinary()
      : new Binary();
  const vector = new Vector([data.clone(type)]);
  return (row) => decodeText(vector.get(row) ?? new Uint8Array());
}

function millisAsDay(data: Data): Cell {
  return (row) => {
    const millis = BigInt(data.values[row]);
    if (millis % millisPerDay !== 0n)
      throw new RefusedValue(`expected whole days in a date, found ${millis} milliseconds`);
    return formatDay(Number(millis / millisPerDay));
  };
}

/** Little-endian two's complement of some 32-bit words. */
function readWords(values: Uint32Array, at: number, words: number): bigint {
  let unsigned = 0n;
  for (let word = words - 1; word >= 0; word -= 1) unsigned = (unsigned << 32n) | BigInt(values[at + word] ?? 0);
  return BigInt.asIntN(words * 32, unsigned);
}

const dictionaries = new WeakMap<Vector, readonly unknown[]>();

/** A dictionary serves many batches: its values are made once. Deltas make a new one of several parts. */
function dictionaryCells(data: Data): Cell {
  const { dictionary } = data;
  if (!dictionary) return () => null;
  const known = dictionaries.get(dictionary);
  const values =
    known ??
    dictionary.data.flatMap((part) => {
      const cell = cellsOf(part);
      return Array.from({ length: part.length }, (_, row) => cell(row));
    });
  if (!known) dictionaries.set(dictionary, values);
  return (row) => values[Number(data.values[row])];
}

function structCells(data: Data, fields: readonly Field[]): Cell {
  const columns = fields.map((field, index) => [String(field.name), cellsOf(childOf(data, index))] as const);
  return (row) => Object.fromEntries(columns.map(([name, cell]) => [name, cell(row)]));
}

function mapCells(data: Data): Cell {
  const entries = childOf(data, 0);
  const key = cellsOf(childOf(entries, 0));
  const value = cellsOf(childOf(entries, 1));
  return (row) => objectOfEntries(rangeOf(data, row).map((at) => [String(key(at)), value(at)] as const));
}

function listCells(data: Data): Cell {
  const item = cellsOf(childOf(data, 0));
  return (row) => rangeOf(data, row).map(item);
}

function fixedListCells(data: Data, size: number): Cell {
  const item = cellsOf(childOf(data, 0));
  return (row) => Array.from({ length: size }, (_, index) => item(row * size + index));
}

function rangeOf(data: Data, row: number): number[] {
  const begin = Number(data.valueOffsets[row]);
  return Array.from({ length: Number(data.valueOffsets[row + 1]) - begin }, (_, index) => begin + index);
}

function childOf(data: Data, index: number): Data {
  const child = data.children[index];
  if (!child)
    throw new HybridStoreError('invalid_request', `not readable as Arrow IPC (${data.type} without child ${index})`);
  return child;
}
