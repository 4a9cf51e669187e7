import { bodyBounds, jsonDepthMax, WriteRequest } from '@hybridstore/contracts';
import { BatchEncoder } from '@hybridstore/engine';
import { compileValidator, invalidBody, parseJson } from '@hybridstore/http';
import { serveThread, systemClock } from '@hybridstore/runtime';
import type { WriteAnswer, WriteTask } from './write-threads.ts';

/** A write that was read and never encoded (its sender may not write) is forgotten after this. */
const heldMs = 10_000;
const validator = compileValidator(WriteRequest);
/** In bytes as they came, with the one that is being read: as much as the largest body alone. */
const heldBytesMax = bodyBounds.records;

/** Writes that were read and are to be encoded, oldest first. */
const held = new Map<number, { readonly request: WriteRequest; readonly bytes: number; readonly cancel: () => void }>();
let heldBytes = 0;

serveThread(answer, (value) => (value.kind === 'encoded' ? [value.frame.buffer] : []));

function answer(task: WriteTask): WriteAnswer {
  const request = requestOf(task);
  if (task.kind === 'read')
    return {
      kind: 'read',
      sourceId: request.source_id,
      batchId: request.batch_id,
      rows: request.records.length,
    };
  const frame = new BatchEncoder(task.schema).encode(request.records, task.reservedBytes);
  forget(task.id);
  return { kind: 'encoded', frame: ownMemory(frame) };
}

/** Parsed once, unless others that came in between have taken its memory. */
function requestOf({ id, bytes }: WriteTask): WriteRequest {
  const known = held.get(id);
  if (known) return known.request;
  for (const other of held.keys()) if (heldBytes + bytes.byteLength > heldBytesMax) forget(other);
  const request = parseJson(Buffer.from(bytes), { depthMax: jsonDepthMax, keepsNumbers: true });
  if (!validator.check<WriteRequest>(request)) throw invalidBody(validator.errors());
  held.set(id, { request, bytes: bytes.byteLength, cancel: systemClock.schedule(heldMs, () => forget(id)) });
  heldBytes += bytes.byteLength;
  return request;
}

function forget(id: number): void {
  const known = held.get(id);
  if (!known) return;
  held.delete(id);
  heldBytes -= known.bytes;
  known.cancel();
}

/** Memory of its own can be handed over; small buffers share theirs with others. */
function ownMemory(frame: Buffer): Uint8Array<ArrayBuffer> {
  return frame.buffer instanceof ArrayBuffer && frame.byteLength === frame.buffer.byteLength
    ? new Uint8Array(frame.buffer)
    : new Uint8Array(frame);
}
