import { arrowStreamType, bodyBounds, jsonDepthMax, ndjsonType, WriteRequest } from '@hybridstore/contracts';
import { BatchEncoder } from '@hybridstore/engine';
import { compileValidator, invalidBody, parseJson } from '@hybridstore/http';
import { HybridStoreError, serveThread, systemClock } from '@hybridstore/runtime';
import type { HeldRows } from './held-rows.ts';
import { readNdjsonRows } from './ndjson-rows.ts';
import type { WriteAnswer, WriteTask } from './write-threads.ts';

/** A write that was read and never encoded (its sender may not write) is forgotten after this. */
const heldMs = 10_000;
const validator = compileValidator(WriteRequest);
/** In bytes as they are unpacked, with the one that is being read: as much as the largest body alone. */
const heldBytesMax = bodyBounds.records;

/** Writes that were read and are to be encoded, oldest first. */
const held = new Map<number, { readonly read: Read; readonly cancel: () => void }>();
let heldBytes = 0;

serveThread(answer, (value) => (value.kind === 'encoded' ? [value.frame.buffer] : []));

type Read = HeldRows & { readonly sourceId?: string; readonly batchId?: string | undefined };

async function answer(task: WriteTask): Promise<WriteAnswer> {
  const { sourceId, batchId, rows, encode } = await readOnce(task);
  if (task.kind === 'read') return { kind: 'read', sourceId, batchId, rows };
  const frame = encode(task.schema, task.reservedBytes);
  forget(task.id);
  return { kind: 'encoded', frame: ownMemory(frame) };
}

/** Parsed once, unless others that came in between have taken its memory. */
async function readOnce({ id, bytes, type }: WriteTask): Promise<Read> {
  const known = held.get(id);
  if (known) return known.read;
  makeRoom(bytes.byteLength);
  const read = await readAs(type, Buffer.from(bytes));
  // It may have unpacked to more.
  makeRoom(read.bytes);
  held.set(id, { read, cancel: systemClock.schedule(heldMs, () => forget(id)) });
  heldBytes += read.bytes;
  return read;
}

function makeRoom(bytes: number): void {
  for (const other of held.keys()) if (heldBytes + bytes > heldBytesMax) forget(other);
}

async function readAs(type: string | undefined, body: Buffer): Promise<Read> {
  switch (type) {
    case undefined:
      return readJson(body);
    case ndjsonType:
      return readNdjsonRows(body);
    case arrowStreamType:
      // Brings a large library, which few nodes need.
      return (await import('./arrow-rows.ts')).readArrowRows(body);
    default:
      throw new HybridStoreError('internal', `a body of type ${type} came to a thread`);
  }
}

function readJson(body: Buffer): Read {
  const request = parseJson(body, { depthMax: jsonDepthMax, keepsNumbers: true });
  if (!validator.check<WriteRequest>(request)) throw invalidBody(validator.errors());
  const { source_id: sourceId, batch_id: batchId, records } = request;
  return {
    sourceId,
    batchId,
    rows: records.length,
    bytes: body.length,
    encode: (schema, reservedBytes) => new BatchEncoder(schema).encode(records, reservedBytes),
  };
}

function forget(id: number): void {
  const known = held.get(id);
  if (!known) return;
  held.delete(id);
  heldBytes -= known.read.bytes;
  known.cancel();
}

/** Memory of its own can be handed over; small buffers share theirs with others. */
function ownMemory(frame: Buffer): Uint8Array<ArrayBuffer> {
  return frame.buffer instanceof ArrayBuffer && frame.byteLength === frame.buffer.byteLength
    ? new Uint8Array(frame.buffer)
    : new Uint8Array(frame);
}
