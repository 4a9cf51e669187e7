import { assert, HybridStoreError } from '@hybridstore/runtime';
import {
  batchVersion,
  columnDescriptorBytes,
  decodeBatch,
  hasNullsFlag,
  payloadHeaderBytes,
  validityBytes,
} from './batch-codec.ts';
import { columnKinds, valueBytes } from './column-kind.ts';
import { type EncodedColumn, type EncoderSchema, encodedColumn } from './encoded-column.ts';
import { distinctKeys, partitionsPerBatchMax, tooManyPartitions } from './partition-keys.ts';
import { payloadBytesMax } from './scratch.ts';

const textBytesInitial = 4 * 1024;

/**
 * One column of a batch of known height, in memory of its own, so that a row can be written before the next one is looked
 * at. Every row is null, and its value zero, until it is written.
 */
export class ColumnSection {
  readonly column: EncodedColumn;
  readonly validity: Uint8Array;
  /** Fixed values; the views share it. Empty for text. */
  readonly values: Uint8Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly longs: BigInt64Array;
  /** Where texts begin, and behind the last where it ends; empty for other columns. */
  readonly offsets: Uint32Array;
  text: Buffer = Buffer.alloc(0);
  textLength = 0;
  readonly isText: boolean;
  /** Rows that have a value. */
  filled = 0;

  constructor(column: EncodedColumn, rows: number) {
    const kind = columnKinds[column.kindCode]!;
    this.column = column;
    this.validity = new Uint8Array(validityBytes(rows));
    for (let row = rows; row < this.validity.length * 8; row += 1) this.validity[row >> 3]! |= 1 << (row & 7);
    const memory = new ArrayBuffer(Math.ceil((rows * valueBytes[kind]) / 8) * 8);
    this.values = new Uint8Array(memory);
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.longs = new BigInt64Array(memory);
    this.isText = kind === 'text';
    this.offsets = new Uint32Array(this.isText ? rows + 1 : 0);
    if (this.isText) this.text = Buffer.allocUnsafe(textBytesInitial);
  }

  /** The row has a value, once. */
  mark(row: number): void {
    this.validity[row >> 3]! |= 1 << (row & 7);
    this.filled += 1;
  }

  /** Takes `mark` back. */
  unmark(row: number): void {
    this.validity[row >> 3]! &= ~(1 << (row & 7));
    this.filled -= 1;
  }

  /** A number of at most 53 bits as the `at`-th 64-bit integer, without making a BigInt. */
  writeSafeInteger(at: number, value: number): void {
    const high = Math.floor(value / 4_294_967_296);
    this.words[at * 2] = value - high * 4_294_967_296;
    this.words[at * 2 + 1] = high;
  }

  /** Room for `count` bytes of text behind what is there. */
  reserveText(count: number): void {
    const wanted = this.textLength + count;
    if (wanted <= this.text.length) return;
    if (wanted > payloadBytesMax) throw batchTooLarge();
    const grown = Buffer.allocUnsafe(Math.max(wanted, this.text.length * 2));
    this.text.copy(grown, 0, 0, this.textLength);
    this.text = grown;
  }
}

/** The columns of a batch that comes row by row, or column by column in the layout of a batch. */
export class BatchSections {
  readonly rows: number;
  readonly sections: readonly ColumnSection[];
  readonly #partitionColumns: readonly string[];

  constructor(schema: EncoderSchema, rows: number) {
    this.rows = rows;
    this.#partitionColumns = schema.partitionColumns;
    this.sections = schema.columns.map(
      (column) => new ColumnSection(encodedColumn(column, schema.partitionColumns), rows),
    );
  }

  /** As `BatchEncoder.encode` gives it. `too_large` for rows of too many partition values. */
  finish(reservedBytes: number): Buffer {
    assert(reservedBytes % 8 === 0, 'reserved bytes keep the alignment');
    const { rows, sections } = this;
    const start = payloadHeaderBytes + sections.length * columnDescriptorBytes;
    const total = sections.reduce((sum, section) => sum + sectionBytes(section), start);
    if (total > payloadBytesMax) throw batchTooLarge();
    const frame = Buffer.alloc(reservedBytes + total);
    const payload = frame.subarray(reservedBytes);
    payload.writeUInt32LE(rows, 0);
    payload.writeUInt16LE(sections.length, 4);
    payload.writeUInt16LE(batchVersion, 6);
    let at = start;
    for (const [index, section] of sections.entries()) {
      writeSection(payload, at, section, rows);
      const descriptorAt = payloadHeaderBytes + index * columnDescriptorBytes;
      payload[descriptorAt] = section.column.kindCode;
      payload[descriptorAt + 1] = section.column.scale;
      payload.writeUInt16LE(section.filled < rows ? hasNullsFlag : 0, descriptorAt + 2);
      payload.writeUInt32LE(sectionBytes(section), descriptorAt + 4);
      at += sectionBytes(section);
    }
    this.#requireFewPartitions(payload);
    return frame;
  }

  #requireFewPartitions(payload: Buffer): void {
    const names = this.#partitionColumns;
    if (names.length === 0 || this.rows <= partitionsPerBatchMax) return;
    const { columns, rows } = decodeBatch(payload);
    const partitioned = columns.filter((_, index) => names.includes(this.sections[index]!.column.name));
    const found = distinctKeys(partitioned, rows).length;
    if (found > partitionsPerBatchMax) throw tooManyPartitions(found);
  }
}

function sectionBytes(section: ColumnSection): number {
  const values = section.isText ? section.offsets.byteLength + section.textLength : section.values.length;
  return Math.ceil((section.validity.length + values) / 8) * 8;
}

function writeSection(payload: Buffer, at: number, section: ColumnSection, rows: number): void {
  // A column without nulls has no bit cleared, behind the last row either.
  if (section.filled < rows) payload.set(section.validity, at);
  else payload.fill(0xff, at, at + section.validity.length);
  const valuesAt = at + section.validity.length;
  if (!section.isText) {
    payload.set(section.values, valuesAt);
    return;
  }
  const { offsets } = section;
  payload.set(new Uint8Array(offsets.buffer, offsets.byteOffset, offsets.byteLength), valuesAt);
  section.text.copy(payload, valuesAt + offsets.byteLength, 0, section.textLength);
}

function batchTooLarge(): HybridStoreError {
  return new HybridStoreError('too_large', `batch: more than ${payloadBytesMax} bytes when encoded`, {
    field: 'records',
    expected: `at most ${payloadBytesMax} bytes`,
  });
}
