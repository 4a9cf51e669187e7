import type { ResultColumn } from '@hybridstore/contracts';
import {
  AsyncByteQueue,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import type { AnswerFormat } from './answer-format.ts';
import { type StoredKind, storedKindOf, storedValue } from './columnar-values.ts';
import type { AnswerRow } from './read-answer.ts';
import { requireDistinctNames } from './text-formats.ts';

const rowsPerBatch = 50_000;
type Column = { readonly name: string; readonly stored: StoredKind; readonly type: DataType };
type Stored = ReturnType<typeof storedValue> | null;

/** What the library's writer has written since it was last taken. */
class WrittenBytes extends AsyncByteQueue {
  #pieces: Uint8Array[] = [];

  override write(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  take(): Uint8Array {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return bytes;
  }
}

/** Arrow IPC, a file or a stream, a batch at a time. Documents and lists are text of JSON. */
export class ArrowFormat implements AnswerFormat {
  readonly #written = new WrittenBytes();
  readonly #writer: RecordBatchFileWriter | RecordBatchStreamWriter;
  #columns: readonly Column[] = [];
  #schema = new Schema();
  #batch: AnswerRow[] = [];

  constructor(form: 'file' | 'stream') {
    this.#writer = form === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter();
  }

  begin(columns: readonly ResultColumn[]): Uint8Array {
    requireDistinctNames('arrow', columns);
    this.#columns = columns.map(({ name, type }) => {
      const stored = storedKindOf(type);
      return { name, stored, type: typeOf(stored) };
    });
    this.#schema = new Schema(this.#columns.map(({ name, type }) => new Field(name, type, true)));
    this.#writer.reset(this.#written, this.#schema);
    return this.#written.take();
  }

  rows(rows: readonly AnswerRow[]): Uint8Array {
    for (const row of rows) {
      this.#batch.push(row);
      if (this.#batch.length >= rowsPerBatch) this.#writeBatch();
    }
    return this.#written.take();
  }

  end(): Uint8Array {
    this.#writeBatch();
    this.#writer.finish();
    return this.#written.take();
  }

  #writeBatch(): void {
    const rows = this.#batch;
    this.#batch = [];
    if (rows.length === 0) return;
    const children = this.#columns.map((column, index) =>
      buildData(
        column,
        rows.map((row) => storedOf(column, row[index])),
      ),
    );
    const data = makeData({ type: new Struct(this.#schema.fields), length: rows.length, nullCount: 0, children });
    this.#writer.write(new RecordBatch(this.#schema, data));
  }
}

function storedOf({ name, stored }: Column, value: unknown): Stored {
  return value === null || value === undefined ? null : storedValue(stored, value, name);
}

function typeOf(stored: StoredKind): DataType {
  switch (stored.kind) {
    case 'boolean':
      return new Bool();
    case 'int32':
      return new Int32();
    case 'int64':
      return new Int64();
    case 'double':
      return new Float64();
    case 'decimal':
      return new Decimal(stored.scale, stored.precision, 128);
    case 'date':
      return new DateDay();
    case 'timestamp':
      return new TimestampMicrosecond('UTC');
    case 'text':
      return new Utf8();
  }
}

/** Numbers are laid out here, since the library's builders would pass them through doubles. */
function buildData({ stored, type }: Column, values: readonly Stored[]): Data {
  const nullCount = values.filter((value) => value === null).length;
  const validity = {
    type,
    length: values.length,
    nullCount,
    nullBitmap: nullCount === 0 ? undefined : bitmapOf(values),
  };
  switch (stored.kind) {
    case 'int32':
    case 'date':
      return makeData({ ...validity, data: Int32Array.from(values, (value) => Number(value ?? 0)) } as Parameters<
        typeof makeData
      >[0]);
    case 'double':
      return makeData({ ...validity, data: Float64Array.from(values, (value) => Number(value ?? 0)) } as Parameters<
        typeof makeData
      >[0]);
    case 'int64':
    case 'timestamp':
      return makeData({ ...validity, data: BigInt64Array.from(values, (value) => BigInt(value ?? 0)) } as Parameters<
        typeof makeData
      >[0]);
    case 'decimal':
      return makeData({ ...validity, data: wordsOf(values) } as Parameters<typeof makeData>[0]);
    default: {
      const [data] = vectorFromArray(values, type).data;
      if (data === undefined) throw new RangeError('a vector of some values has data');
      return data;
    }
  }
}

function bitmapOf(values: readonly Stored[]): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(values.length / 8));
  for (const [index, value] of values.entries())
    if (value !== null) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  return bitmap;
}

/** 128 bits of two's complement, the low words first. */
function wordsOf(values: readonly Stored[]): Uint32Array {
  const halves = new BigInt64Array(values.length * 2);
  for (const [index, value] of values.entries()) {
    const unscaled = BigInt(value ?? 0);
    halves[index * 2] = BigInt.asIntN(64, unscaled);
    halves[index * 2 + 1] = unscaled >> 64n;
  }
  return new Uint32Array(halves.buffer);
}
