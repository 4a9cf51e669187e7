import { isUtf8 } from 'node:buffer';
import { jsonDepthMax, recordsPerWriteMax } from '@hybridstore/contracts';
import { BatchEncoder, type EncoderSchema, type FieldRecord, NdjsonEncoder } from '@hybridstore/engine';
import { parseJson } from '@hybridstore/http';
import { findRepeatedKey, HybridStoreError, isExactNumber, isHybridStoreError, isRecord } from '@hybridstore/runtime';
import { type HeldRows, wrongCount } from './held-rows.ts';

const lineFeed = 0x0a;
/** Of the three that stand around the fields in a body of JSON. */
const outerDepth = 3;

/**
 * Rows of NDJSON: the fields of a record in each line, lines ending at LF, blank ones passed over. Most are encoded from
 * their bytes; what is unusual in them is parsed, and judged as records of JSON are. A key that stands twice is refused,
 * since of a file one of its two values would be lost.
 */
export function readNdjsonRows(body: Buffer): HeldRows {
  if (!isUtf8(body))
    throw new HybridStoreError('invalid_request', 'body: not valid UTF-8', { field: 'body', expected: 'UTF-8' });
  const rows = countLines(body);
  if (rows < 1 || rows > recordsPerWriteMax) throw wrongCount(rows);
  return { rows, bytes: body.length, encode: (schema, reservedBytes) => encode(body, { schema, rows, reservedBytes }) };
}

type Encoding = { readonly schema: EncoderSchema; readonly rows: number; readonly reservedBytes: number };

function encode(body: Buffer, { schema, rows, reservedBytes }: Encoding): Buffer {
  const quick = schema.isDocument ? undefined : new NdjsonEncoder(schema).encode(body, rows, reservedBytes);
  return quick ?? new BatchEncoder(schema).encode(readRecords(body), reservedBytes);
}

function countLines(body: Buffer): number {
  let rows = 0;
  for (const line of linesOf(body)) if (!isBlank(line)) rows += 1;
  return rows;
}

function* linesOf(body: Buffer): Generator<Buffer> {
  for (let from = 0; from < body.length; ) {
    const found = body.indexOf(lineFeed, from);
    const end = found < 0 ? body.length : found;
    yield body.subarray(from, end);
    from = end + 1;
  }
}

/** Of the spaces of JSON. */
function isBlank(line: Buffer): boolean {
  for (const byte of line) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}

function readRecords(body: Buffer): readonly FieldRecord[] {
  const records: FieldRecord[] = [];
  for (const line of linesOf(body)) if (!isBlank(line)) records.push({ fields: readFields(line, records.length) });
  return records;
}

function readFields(line: Buffer, row: number): Readonly<Record<string, unknown>> {
  const value = parseLine(line, row);
  if (!isRecord(value) || isExactNumber(value)) throw refusedLine(row, 'expected an object', 'an object');
  const key = findRepeatedKey(line.toString('utf8'), value);
  if (key !== undefined)
    throw refusedLine(row, `the key ${JSON.stringify(key.slice(0, 128))} stands twice in one object`, 'each key once');
  return value;
}

function parseLine(line: Buffer, row: number): unknown {
  try {
    return parseJson(line, { depthMax: jsonDepthMax - outerDepth, keepsNumbers: true });
  } catch (error) {
    if (!isHybridStoreError(error, 'invalid_request')) throw error;
    throw refusedLine(row, error.message.replace(/^body: /, ''), String(error.details['expected'] ?? 'JSON'));
  }
}

function refusedLine(row: number, what: string, expected: string): HybridStoreError {
  const field = `records[${row}]`;
  return new HybridStoreError('invalid_request', `${field}: ${what}`, { field, index: row, expected });
}
