import duckdb from '@duckdb/node-bindings';
import { notePassing } from '@hybridstore/runtime';
import { GrowingBytes } from './growing-bytes.ts';
import { TextBytes, textCellBytes } from './text-bytes.ts';
import type { TextChunk } from './text-runs.ts';
import { type Bits, both, isSet, ValidityBits } from './validity-bits.ts';

type Vector = ReturnType<typeof duckdb.data_chunk_get_vector>;

/**
 * How the engine lays out the values of a column that an Arrow array is made of. `fixed`: as Arrow does; `decimal`: of so
 * many bytes, which Arrow has 16 of; `text`: bytes of any length; `map` is a list of keys and values.
 */
export type ArrowLayout =
  | { readonly kind: 'null' | 'boolean' | 'text' }
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'decimal'; readonly bytes: 2 | 4 | 8 }
  | { readonly kind: 'list'; readonly item: ArrowLayout }
  | { readonly kind: 'array'; readonly length: number; readonly item: ArrowLayout }
  | { readonly kind: 'struct'; readonly fields: readonly ArrowLayout[] };

/**
 * An array of Arrow's columnar format, version 1.5. Its buffers are in the order of their type: first, but for `null`, the
 * bits of what is not NULL, empty where nothing is; then offsets, then values.
 */
export type ArrowArray = {
  readonly length: number;
  readonly nullCount: number;
  readonly buffers: readonly Buffer[];
  readonly children: readonly ArrowArray[];
};

/** Texts are copied with the cells that say where they are. */
const copiesPerByte = 2;

/** Arrow arrays of the chunks that are appended. Little-endian, as the machines are that DuckDB runs on. */
export class ArrowArrays {
  readonly #columns: readonly ColumnBuilder[];
  rows = 0;

  constructor(layouts: readonly ArrowLayout[]) {
    this.#columns = layouts.map(builderOf);
  }

  /** Of all buffers together. */
  get bytes(): number {
    return bytesOf(this.#columns);
  }

  /** Throws `too_large` when the texts of a column have more bytes than an array counts. */
  append({ chunk, rowCount }: TextChunk): void {
    const before = this.bytes;
    for (const [index, column] of this.#columns.entries())
      column.open(duckdb.data_chunk_get_vector(chunk, index), rowCount, undefined).copy(0, rowCount);
    this.rows += rowCount;
    // The binding gives copies of vectors, which lie beside the heap until they are collected.
    notePassing(copiesPerByte * (this.bytes - before));
  }

  /** What was appended since `clear()`, and lasts until then: the memory is used again. */
  read(): readonly ArrowArray[] {
    return this.#columns.map((column) => column.read());
  }

  clear(): void {
    this.rows = 0;
    for (const column of this.#columns) column.clear();
  }
}

/** Rows of a vector that can be copied in ranges, each once or several times. */
interface OpenVector {
  copy(from: number, count: number): void;
}

interface ColumnBuilder {
  readonly bytes: number;
  /** `rows` that the vector has; those that are not in `wanted` are NULL, whatever stands there. */
  open(vector: Vector, rows: number, wanted: Bits): OpenVector;
  read(): ArrowArray;
  clear(): void;
}

function builderOf(layout: ArrowLayout): ColumnBuilder {
  switch (layout.kind) {
    case 'null':
      return new NullBuilder();
    case 'boolean':
      return new BooleanBuilder();
    case 'fixed':
      return new FixedBuilder(layout.bytes);
    case 'decimal':
      return new DecimalBuilder(layout.bytes);
    case 'text':
      return new TextBuilder();
    case 'list':
      return new ListBuilder(builderOf(layout.item));
    case 'array':
      return new ArrayBuilder(layout.length, builderOf(layout.item));
    case 'struct':
      return new StructBuilder(layout.fields.map(builderOf));
  }
}

function bytesOf(columns: readonly ColumnBuilder[]): number {
  return columns.reduce((sum, column) => sum + column.bytes, 0);
}

const rowsPerValidityWord = 64;

function readBits(vector: Vector, rows: number, wanted: Bits): Bits {
  // Null where no row is NULL, whatever the binding's type says.
  const bits: Uint8Array | null = duckdb.vector_get_validity(vector, Math.ceil(rows / rowsPerValidityWord) * 8);
  return both(bits ?? undefined, wanted);
}

class NullBuilder implements ColumnBuilder {
  readonly bytes = 0;
  #length = 0;

  open(): OpenVector {
    return {
      copy: (_from, count) => {
        this.#length += count;
      },
    };
  }

  read(): ArrowArray {
    const length = this.#length;
    return { length, nullCount: length, buffers: [], children: [] };
  }

  clear(): void {
    this.#length = 0;
  }
}

class FixedBuilder implements ColumnBuilder {
  readonly #width: number;
  readonly #validity = new ValidityBits();
  readonly #values = new GrowingBytes();

  constructor(width: number) {
    this.#width = width;
  }

  get bytes(): number {
    return this.#validity.bytes + this.#values.length;
  }

  open(vector: Vector, rows: number, wanted: Bits): OpenVector {
    const bits = readBits(vector, rows, wanted);
    const width = this.#width;
    const values = duckdb.vector_get_data(vector, rows * width);
    return {
      copy: (from, count) => {
        const at = this.#values.length;
        this.#values.push(values.subarray(from * width, (from + count) * width));
        clearNulls(this.#values.buffer, { bits, from, count, at, width });
        this.#validity.append(bits, from, count);
      },
    };
  }

  read(): ArrowArray {
    return arrayOf(this.#validity, [this.#values.bytes]);
  }

  clear(): void {
    this.#validity.clear();
    this.#values.clear();
  }
}

type Cleared = { bits: Bits; from: number; count: number; at: number; width: number };

/** In place of a NULL stands what was in that memory before, which is nobody's to read. */
function clearNulls(values: Buffer, { bits, from, count, at, width }: Cleared): void {
  if (bits === undefined) return;
  for (let row = 0; row < count; row += 1)
    if (!isSet(bits, from + row)) values.fill(0, at + row * width, at + (row + 1) * width);
}

class DecimalBuilder implements ColumnBuilder {
  readonly #width: 2 | 4 | 8;
  readonly #validity = new ValidityBits();
  readonly #values = new GrowingBytes();

  constructor(width: 2 | 4 | 8) {
    this.#width = width;
  }

  get bytes(): number {
    return this.#validity.bytes + this.#values.length;
  }

  open(vector: Vector, rows: number, wanted: Bits): OpenVector {
    const bits = readBits(vector, rows, wanted);
    const { buffer, byteOffset } = duckdb.vector_get_data(vector, rows * this.#width);
    const values =
      this.#width === 2
        ? new Int16Array(buffer, byteOffset, rows)
        : new Int32Array(buffer, byteOffset, (rows * this.#width) / 4);
    return {
      copy: (from, count) => {
        this.#widen(values, { bits, from, count });
        this.#validity.append(bits, from, count);
      },
    };
  }

  /** To two's complement of 128 bits. */
  #widen(values: Int16Array | Int32Array, { bits, from, count }: { bits: Bits; from: number; count: number }): void {
    this.#values.reserve(count * 16);
    const words = new Int32Array(this.#values.buffer.buffer, this.#values.length, count * 4);
    const perValue = this.#width === 8 ? 2 : 1;
    for (let row = 0; row < count; row += 1) {
      const isValue = isSet(bits, from + row);
      const low = isValue ? values[(from + row) * perValue]! : 0;
      const next = perValue === 1 ? low >> 31 : isValue ? values[(from + row) * 2 + 1]! : 0;
      words[row * 4] = low;
      words[row * 4 + 1] = next;
      words[row * 4 + 2] = next >> 31;
      words[row * 4 + 3] = next >> 31;
    }
    this.#values.length += count * 16;
  }

  read(): ArrowArray {
    return arrayOf(this.#validity, [this.#values.bytes]);
  }

  clear(): void {
    this.#validity.clear();
    this.#values.clear();
  }
}

class BooleanBuilder implements ColumnBuilder {
  readonly #validity = new ValidityBits();
  readonly #values = new GrowingBytes(true);

  get bytes(): number {
    return this.#validity.bytes + this.#values.length;
  }

  open(vector: Vector, rows: number, wanted: Bits): OpenVector {
    const bits = readBits(vector, rows, wanted);
    const values = duckdb.vector_get_data(vector, rows);
    return {
      copy: (from, count) => {
        const at = this.#validity.length;
        const bytes = Math.ceil((at + count) / 8);
        this.#values.reserve(bytes - this.#values.length);
        const { buffer } = this.#values;
        for (let row = 0; row < count; row += 1)
          if (values[from + row] === 1 && isSet(bits, from + row)) buffer[(at + row) >> 3]! |= 1 << ((at + row) & 7);
        this.#values.length = bytes;
        this.#validity.append(bits, from, count);
      },
    };
  }

  read(): ArrowArray {
    return arrayOf(this.#validity, [this.#values.bytes]);
  }

  clear(): void {
    this.#validity.clear();
    this.#values.clear();
  }
}

class TextBuilder implements ColumnBuilder {
  readonly #validity = new ValidityBits();
  readonly #offsets = new Offsets();
  readonly #bytes = new GrowingBytes();
  readonly #texts = new TextBytes(this.#bytes, this.#offsets.ends);

  get bytes(): number {
    return this.#validity.bytes + this.#offsets.ends.length + this.#bytes.length;
  }

  open(vector: Vector, rows: number, wanted: Bits): OpenVector {
    const bits = readBits(vector, rows, wanted);
    const { buffer, byteOffset, byteLength } = duckdb.vector_get_data(vector, rows * textCellBytes);
    const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
    return {
      copy: (from, count) => {
        this.#texts.append({ words, bits }, from, count);
        this.#validity.append(bits, from, count);
      },
    };
  }

  read(): ArrowArray {
    return arrayOf(this.#validity, [this.#offsets.ends.bytes, this.#bytes.bytes]);
  }

  clear(): void {
    this.#validity.clear();
    this.#offsets.clear();
    this.#bytes.clear();
  }
}

/** Where each of some values begins, and the last one ends. */
class Offsets {
  readonly ends = new GrowingBytes();

  constructor() {
    this.push(0);
  }

  push(end: number): void {
    this.ends.reserve(4);
    this.ends.buffer.writeInt32LE(end, this.ends.length);
    this.ends.length += 4;
  }

  clear(): void {
    this.ends.clear();
    this.push(0);
  }
}

const listEntryBytes = 16;
const wordsPerEntry = listEntryBytes / 4;

class ListBuilder implements ColumnBuilder {
  readonly #validity = new ValidityBits();
  readonly #offsets = new Offsets();
  readonly #item: ColumnBuilder;
  #items = 0;

  constructor(item: ColumnBuilder) {
    this.#item = item;
  }

  get bytes(): number {
    return this.#validity.bytes + this.#offsets.ends.length + this.#item.bytes;
  }

  open(vector: Vector, rows: number, wanted: Bits): OpenVector {
    const bits = readBits(vector, rows, wanted);
    const { buffer, byteOffset } = duckdb.vector_get_data(vector, rows * listEntryBytes);
    // u64 where a list begins and u64 how long it is: far below 2^32, since memory holds the items of a vector.
    const entries = new Uint32Array(buffer, byteOffset, rows * wordsPerEntry);
    const size = duckdb.list_vector_get_size(vector);
    const items = this.#item.open(duckdb.list_vector_get_child(vector), size, undefined);
    return {
      copy: (from, count) => {
        this.#copyItems(entries, items, { bits, from, count });
        this.#validity.append(bits, from, count);
      },
    };
  }

  /** Items of lists that follow each other are copied at once. */
  #copyItems(
    entries: Uint32Array,
    items: OpenVector,
    { bits, from, count }: { bits: Bits; from: number; count: number },
  ): void {
    let [runFrom, runLength] = [0, 0];
    for (let row = from; row < from + count; row += 1) {
      const length = isSet(bits, row) ? entries[row * wordsPerEntry + 2]! : 0;
      if (length > 0) {
        const start = entries[row * wordsPerEntry]!;
        if (start !== runFrom + runLength) {
          if (runLength > 0) items.copy(runFrom, runLength);
          [runFrom, runLength] = [start, 0];
        }
        runLength += length;
      }
      this.#items += length;
      this.#offsets.push(this.#items);
    }
    if (runLength > 0) items.copy(runFrom, runLength);
  }

  read(): ArrowArray {
    return arrayOf(this.#validity, [this.#offsets.ends.bytes], [this.#item.read()]);
  }

  clear(): void {
    this.#items = 0;
    this.#validity.clear();
    this.#offsets.clear();
    this.#item.clear();
  }
}

class ArrayBuilder implements ColumnBuilder {
  readonly #validity = new ValidityBits();
  readonly #length: number;
  readonly #item: ColumnBuilder;

  constructor(length: number, item: ColumnBuilder) {
    this.#length = length;
    this.#item = item;
  }

  get bytes(): number {
    return this.#validity.bytes + this.#item.bytes;
  }

  open(vector: Vector, rows: number, wanted: Bits): OpenVector {
    const bits = readBits(vector, rows, wanted);
    const length = this.#length;
    const items = this.#item.open(duckdb.array_vector_get_child(vector), rows * length, spread(bits, rows, length));
    return {
      copy: (from, count) => {
        items.copy(from * length, count * length);
        this.#validity.append(bits, from, count);
      },
    };
  }

  read(): ArrowArray {
    return arrayOf(this.#validity, [], [this.#item.read()]);
  }

  clear(): void {
    this.#validity.clear();
    this.#item.clear();
  }
}

/** A bit for each item of each row. */
function spread(bits: Bits, rows: number, length: number): Bits {
  if (bits === undefined) return undefined;
  const items = new Uint8Array(Math.ceil((rows * length) / rowsPerValidityWord) * 8);
  for (let item = 0; item < rows * length; item += 1)
    if (isSet(bits, Math.floor(item / length))) items[item >> 3]! |= 1 << (item & 7);
  return items;
}

class StructBuilder implements ColumnBuilder {
  readonly #validity = new ValidityBits();
  readonly #fields: readonly ColumnBuilder[];

  constructor(fields: readonly ColumnBuilder[]) {
    this.#fields = fields;
  }

  get bytes(): number {
    return this.#validity.bytes + bytesOf(this.#fields);
  }

  open(vector: Vector, rows: number, wanted: Bits): OpenVector {
    const bits = readBits(vector, rows, wanted);
    const fields = this.#fields.map((field, index) =>
      field.open(duckdb.struct_vector_get_child(vector, index), rows, bits),
    );
    return {
      copy: (from, count) => {
        for (const field of fields) field.copy(from, count);
        this.#validity.append(bits, from, count);
      },
    };
  }

  read(): ArrowArray {
    return arrayOf(
      this.#validity,
      [],
      this.#fields.map((field) => field.read()),
    );
  }

  clear(): void {
    this.#validity.clear();
    for (const field of this.#fields) field.clear();
  }
}

const nothing = Buffer.alloc(0);

function arrayOf(validity: ValidityBits, buffers: readonly Buffer[], children: readonly ArrowArray[] = []): ArrowArray {
  const { length, nullCount, bits } = validity;
  return { length, nullCount, buffers: [bits ?? nothing, ...buffers], children };
}
