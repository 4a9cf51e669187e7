import type { ColumnSection } from '@hybridstore/engine/batch';
import {
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';

/** The first `rows` rows of some columns as an Arrow IPC stream of one batch. */
export function arrowStream(sections: readonly ColumnSection[], rows: number): Uint8Array {
  const children = sections.map((section) => dataOf(section, rows));
  const fields = sections.map(({ column }, index) => new Field(column.name, children[index]!.type, true));
  const schema = new Schema(fields);
  const data = makeData({ type: new Struct(fields), length: rows, nullCount: 0, children });
  const writer = new RecordBatchStreamWriter();
  writer.write(new RecordBatch(schema, data));
  writer.finish();
  return writer.toUint8Array(true);
}

function dataOf(section: ColumnSection, rows: number): Data<DataType> {
  const { column, values, text } = section;
  const shape = {
    length: rows,
    nullCount: rows - section.filled,
    nullBitmap: section.validity.subarray(0, Math.ceil(rows / 8)),
  };
  const { type } = column;
  switch (type.kind) {
    case 'boolean':
      return makeData({ ...shape, type: new Bool(), data: bitsOf(values, rows) });
    case 'integer':
    case 'bigint':
      return makeData({ ...shape, type: new Int64(), data: section.longs.subarray(0, rows) });
    case 'double':
      return makeData({ ...shape, type: new Float64(), data: section.doubles.subarray(0, rows) });
    case 'date':
      return makeData({ ...shape, type: new DateDay(), data: section.words.subarray(0, rows) });
    case 'timestamp':
      return makeData({ ...shape, type: new TimestampMicrosecond('UTC'), data: section.longs.subarray(0, rows) });
    case 'decimal':
      return makeData({
        ...shape,
        type: new Decimal(type.scale, type.precision, 128),
        data: new Uint32Array(values.buffer as ArrayBuffer, 0, rows * 4),
      });
    case 'string':
    case 'json':
      return makeData({
        ...shape,
        type: new Utf8(),
        valueOffsets: new Int32Array(section.offsets.buffer as ArrayBuffer, 0, rows + 1),
        data: text.subarray(0, section.textLength),
      });
  }
}

function bitsOf(values: Uint8Array, rows: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(rows / 8));
  for (let row = 0; row < rows; row += 1) bits[row >> 3]! |= values[row]! << (row & 7);
  return bits;
}
