import { zstdDecompressSync } from 'node:zlib';
import { bodyBounds, recordsPerWriteMax } from '@hybridstore/contracts';
import { BatchSections, type EncoderSchema, RefusedRecord } from '@hybridstore/engine';
import { decodeLz4Frame, HybridStoreError } from '@hybridstore/runtime';
import { CompressionType, compressionRegistry, type Data, type RecordBatch, RecordBatchReader } from 'apache-arrow';
import { columnWriter } from './arrow-columns.ts';
import { type HeldRows, wrongCount } from './held-rows.ts';

const batchesMax = 10_000;
const fileMagic = 'ARROW1';

/**
 * Rows of an Arrow IPC stream, whose buffers may be compressed (LZ4 frame or Zstandard), within the bounds of a write
 * unpacked. `invalid_request` for bytes that are none, `too_large` for more rows or bytes than a write may have. What the
 * columns are is looked at when the source's are known.
 */
export function readArrowRows(bytes: Uint8Array): HeldRows {
  const room = { bytes: bodyBounds.records };
  const batches = readBatches(bytes, room);
  const rows = batches.reduce((sum, { numRows }) => sum + numRows, 0);
  if (rows < 1 || rows > recordsPerWriteMax) throw wrongCount(rows);
  const unpacked = bodyBounds.records - room.bytes;
  return {
    rows,
    bytes: bytes.length + unpacked,
    encode: (schema, reservedBytes) => encode(batches, { schema, rows, reservedBytes }),
  };
}

/** `room`: for what its buffers unpack to. */
function readBatches(bytes: Uint8Array, room: { bytes: number }): readonly RecordBatch[] {
  if (Buffer.from(bytes.subarray(0, fileMagic.length)).toString('latin1') === fileMagic)
    throw unreadable('it is an Arrow file, not a stream');
  // Of this thread alone; each body has its own room.
  compressionRegistry.set(CompressionType.ZSTD, {
    decode: (packed) => within(room, zstdDecompressSync(packed, { maxOutputLength: Math.max(1, room.bytes) })),
  });
  compressionRegistry.set(CompressionType.LZ4_FRAME, {
    decode: (packed) => within(room, decodeLz4Frame(packed, room.bytes)),
  });
  try {
    const reader = RecordBatchReader.from(bytes).open();
    const batches: RecordBatch[] = [];
    for (const batch of reader) {
      if (batches.length >= batchesMax) throw unreadable(`more than ${batchesMax} record batches`);
      if (batch.numRows < 0) throw unreadable(`a batch of ${batch.numRows} rows`);
      batches.push(batch);
    }
    return batches;
  } catch (cause) {
    if (cause instanceof HybridStoreError) throw cause;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') throw tooLargeUnpacked();
    throw unreadable(cause instanceof Error ? cause.message.slice(0, 200) : 'unreadable');
  }
}

function within(room: { bytes: number }, unpacked: Uint8Array): Uint8Array {
  room.bytes -= unpacked.length;
  if (room.bytes < 0) throw tooLargeUnpacked();
  return unpacked;
}

function tooLargeUnpacked(): HybridStoreError {
  return new HybridStoreError('too_large', `body: expected at most ${bodyBounds.records} bytes unpacked, found more`, {
    field: 'body',
    bytes_max: bodyBounds.records,
  });
}

function unreadable(why: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `body: not readable as an Arrow IPC stream (${why})`, {
    field: 'body',
    expected: 'an Arrow IPC stream',
  });
}

type Encoding = { readonly schema: EncoderSchema; readonly rows: number; readonly reservedBytes: number };

function encode(batches: readonly RecordBatch[], { schema, rows, reservedBytes }: Encoding): Buffer {
  if (schema.isDocument)
    throw new HybridStoreError(
      'invalid_request',
      'Content-Type: expected JSON or NDJSON, since the source has no columns',
      {
        field: 'Content-Type',
        expected: 'application/json or application/x-ndjson',
      },
    );
  const sections = new BatchSections(schema, rows);
  let refused: RefusedRecord | undefined;
  /** Column by column the first failure may sit in a late row; the earliest of all columns is named. */
  const note = (work: () => void) => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof RefusedRecord)) throw error;
      if (refused === undefined || error.row < refused.row) refused = error;
    }
  };
  const fields = (batches[0]?.schema.fields ?? []).map(({ name }) => String(name));
  requireKnownNames(fields, schema);
  for (const section of sections.sections) {
    const index = fields.indexOf(section.column.name);
    let firstRow = 0;
    note(() => {
      for (const batch of batches) {
        if (index >= 0) columnWriter(section, partOf(batch, index))(firstRow);
        firstRow += batch.numRows;
      }
      requireFilled(section, rows);
    });
  }
  if (refused) throw refused;
  return sections.finish(reservedBytes);
}

function requireKnownNames(fields: readonly string[], { columns }: EncoderSchema): void {
  const names = columns.map(({ name }) => name);
  for (const [index, field] of fields.entries()) {
    const isTwice = fields.indexOf(field) !== index;
    if (!isTwice && names.includes(field)) continue;
    const shown = field.slice(0, 128).toWellFormed();
    const expected = isTwice ? 'each column once' : `one of the columns ${names.slice(0, 20).join(', ')}`;
    throw new HybridStoreError('invalid_request', `column ${shown}: expected ${expected}`, {
      field: shown,
      column: shown,
      expected,
    });
  }
}

/** What a batch says of itself and of its columns must agree. */
function partOf(batch: RecordBatch, index: number): Data {
  const data = batch.data.children[index];
  if (data?.length !== batch.numRows || data.offset !== 0)
    throw unreadable(`a column of ${data?.length ?? 0} rows in a batch of ${batch.numRows}`);
  return data;
}

type Section = BatchSections['sections'][number];

function requireFilled({ column, filled, validity }: Section, rows: number): void {
  if (column.isNullable || filled === rows) return;
  let row = 0;
  while ((validity[row >> 3]! & (1 << (row & 7))) !== 0) row += 1;
  throw new RefusedRecord(row, column.name, `${column.type.kind}, not null`, null);
}
