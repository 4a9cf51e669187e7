import type { ArrowArray } from '@hybridstore/engine/duckdb';
import { assertNever } from '@hybridstore/runtime';
import { Binary } from 'apache-arrow/fb/binary';
import { Bool } from 'apache-arrow/fb/bool';
import { Buffer as BodyBuffer } from 'apache-arrow/fb/buffer';
import { Date as DateType } from 'apache-arrow/fb/date';
import { DateUnit } from 'apache-arrow/fb/date-unit';
import { Decimal } from 'apache-arrow/fb/decimal';
import { Endianness } from 'apache-arrow/fb/endianness';
import { Field } from 'apache-arrow/fb/field';
import { FieldNode } from 'apache-arrow/fb/field-node';
import { FixedSizeList } from 'apache-arrow/fb/fixed-size-list';
import { FloatingPoint } from 'apache-arrow/fb/floating-point';
import { Int } from 'apache-arrow/fb/int';
import { KeyValue } from 'apache-arrow/fb/key-value';
import { List } from 'apache-arrow/fb/list';
import { Map as MapType } from 'apache-arrow/fb/map';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { MetadataVersion } from 'apache-arrow/fb/metadata-version';
import { Null } from 'apache-arrow/fb/null';
import { Precision } from 'apache-arrow/fb/precision';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Schema } from 'apache-arrow/fb/schema';
import { Struct_ } from 'apache-arrow/fb/struct-';
import { Time } from 'apache-arrow/fb/time';
import { TimeUnit } from 'apache-arrow/fb/time-unit';
import { Timestamp } from 'apache-arrow/fb/timestamp';
import { Type } from 'apache-arrow/fb/type';
import { Utf8 } from 'apache-arrow/fb/utf8';
import { Builder, type Offset } from 'flatbuffers';
import type { ArrowField, ArrowType } from './arrow-types.ts';

/**
 * Messages of an Arrow IPC stream (https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format): a schema, then
 * batches of rows, then the end.
 *
 *   FFFFFFFF  i32 length of the metadata  metadata (flatbuffers, to 8 bytes)  body: buffers, each to 8 bytes
 *
 * The metadata is written with the classes that the format's own schemas give. The library's writer would take 21 MiB and
 * 75 ms of a child's first answer.
 */
const continuation = 0xffffffff;
const alignment = 8;
/** A stream without it was broken off. */
export const endOfStream = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

export function encodeSchema(fields: readonly ArrowField[]): Buffer {
  const builder = new Builder(1_024);
  const offsets = fields.map((field) => writeField(builder, field));
  const vector = Schema.createFieldsVector(builder, offsets);
  const schema = Schema.createSchema(builder, Endianness.Little, vector, 0, 0);
  return frame(builder, { type: MessageHeader.Schema, header: schema, bodyBytes: 0 });
}

/** A batch of `rows` rows. */
export function encodeBatch(rows: number, columns: readonly ArrowArray[]): Buffer {
  const nodes: ArrowArray[] = [];
  const buffers: Buffer[] = [];
  for (const column of columns) collect(column, nodes, buffers);
  const places = placesOf(buffers);
  const bodyBytes = places.reduce((sum, { padded }) => sum + padded, 0);
  const builder = new Builder(256 + nodes.length * 16 + buffers.length * 16);
  // Vectors of structs are written from their end.
  RecordBatch.startNodesVector(builder, nodes.length);
  for (const { length, nullCount } of nodes.toReversed())
    FieldNode.createFieldNode(builder, BigInt(length), BigInt(nullCount));
  const nodesVector = builder.endVector();
  RecordBatch.startBuffersVector(builder, places.length);
  for (const { at, bytes } of places.toReversed()) BodyBuffer.createBuffer(builder, BigInt(at), BigInt(bytes));
  const buffersVector = builder.endVector();
  RecordBatch.startRecordBatch(builder);
  RecordBatch.addLength(builder, BigInt(rows));
  RecordBatch.addNodes(builder, nodesVector);
  RecordBatch.addBuffers(builder, buffersVector);
  const header = RecordBatch.endRecordBatch(builder);
  const metadata = frame(builder, { type: MessageHeader.RecordBatch, header, bodyBytes });
  return joinBody(metadata, buffers, places, bodyBytes);
}

/** Fields in the order in which their arrays are walked: a parent before its children. */
function collect(array: ArrowArray, nodes: ArrowArray[], buffers: Buffer[]): void {
  nodes.push(array);
  buffers.push(...array.buffers);
  for (const child of array.children) collect(child, nodes, buffers);
}

type Place = { readonly at: number; readonly bytes: number; readonly padded: number };

function placesOf(buffers: readonly Buffer[]): Place[] {
  let at = 0;
  return buffers.map(({ length: bytes }) => {
    const place = { at, bytes, padded: padded(bytes) };
    at += place.padded;
    return place;
  });
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function joinBody(metadata: Buffer, buffers: readonly Buffer[], places: readonly Place[], bodyBytes: number): Buffer {
  const message = Buffer.allocUnsafe(metadata.length + bodyBytes);
  message.set(metadata);
  for (const [index, buffer] of buffers.entries()) {
    const { at, bytes, padded: end } = places[index]!;
    const start = metadata.length + at;
    message.set(buffer, start);
    message.fill(0, start + bytes, start + end);
  }
  return message;
}

type Header = { readonly type: MessageHeader; readonly header: Offset; readonly bodyBytes: number };

function frame(builder: Builder, { type, header, bodyBytes }: Header): Buffer {
  const message = Message.createMessage(builder, MetadataVersion.V5, type, header, BigInt(bodyBytes), 0);
  Message.finishMessageBuffer(builder, message);
  const metadata = builder.asUint8Array();
  const length = padded(metadata.length);
  const framed = Buffer.alloc(8 + length);
  framed.writeUInt32LE(continuation, 0);
  framed.writeInt32LE(length, 4);
  framed.set(metadata, 8);
  return framed;
}

function writeField(builder: Builder, field: ArrowField): Offset {
  const children = field.children.map((child) => writeField(builder, child));
  const childVector = Field.createChildrenVector(builder, children);
  const metadata = field.isDocument ? writeDocumentMark(builder) : 0;
  const name = builder.createString(field.name);
  const { type, at } = writeType(builder, field.type);
  Field.startField(builder);
  Field.addName(builder, name);
  Field.addNullable(builder, field.isNullable);
  Field.addTypeType(builder, type);
  Field.addType(builder, at);
  Field.addChildren(builder, childVector);
  if (metadata !== 0) Field.addCustomMetadata(builder, metadata);
  return Field.endField(builder);
}

/** https://arrow.apache.org/docs/format/CanonicalExtensions.html#json */
function writeDocumentMark(builder: Builder): Offset {
  const pairs = [
    ['ARROW:extension:name', 'arrow.json'],
    ['ARROW:extension:metadata', ''],
  ] as const;
  const offsets = pairs.map(([key, value]) => {
    const [keyAt, valueAt] = [builder.createString(key), builder.createString(value)];
    return KeyValue.createKeyValue(builder, keyAt, valueAt);
  });
  return Field.createCustomMetadataVector(builder, offsets);
}

const timeUnits = {
  s: TimeUnit.SECOND,
  ms: TimeUnit.MILLISECOND,
  us: TimeUnit.MICROSECOND,
  ns: TimeUnit.NANOSECOND,
} as const;

function writeType(builder: Builder, type: ArrowType): { readonly type: Type; readonly at: Offset } {
  switch (type.kind) {
    case 'null':
      return { type: Type.Null, at: Null.createNull(builder) };
    case 'boolean':
      return { type: Type.Bool, at: Bool.createBool(builder) };
    case 'integer':
      return { type: Type.Int, at: Int.createInt(builder, type.bits, type.isSigned) };
    case 'float': {
      const precision = type.bits === 32 ? Precision.SINGLE : Precision.DOUBLE;
      return { type: Type.FloatingPoint, at: FloatingPoint.createFloatingPoint(builder, precision) };
    }
    case 'decimal':
      return { type: Type.Decimal, at: Decimal.createDecimal(builder, type.precision, type.scale, 128) };
    case 'date':
      return { type: Type.Date, at: DateType.createDate(builder, DateUnit.DAY) };
    case 'time':
      return { type: Type.Time, at: Time.createTime(builder, timeUnits[type.unit], 64) };
    case 'timestamp': {
      const zone = builder.createString('UTC');
      return { type: Type.Timestamp, at: Timestamp.createTimestamp(builder, timeUnits[type.unit], zone) };
    }
    case 'text':
      return { type: Type.Utf8, at: Utf8.createUtf8(builder) };
    case 'blob':
      return { type: Type.Binary, at: Binary.createBinary(builder) };
    case 'list':
      return { type: Type.List, at: List.createList(builder) };
    case 'array':
      return { type: Type.FixedSizeList, at: FixedSizeList.createFixedSizeList(builder, type.length) };
    case 'struct':
      return { type: Type.Struct_, at: Struct_.createStruct_(builder) };
    case 'map':
      return { type: Type.Map, at: MapType.createMap(builder, false) };
    default:
      return assertNever(type);
  }
}
