import { jsonDepthMax, WriteRequest } from '@hybridstore/contracts';
import { BatchEncoder } from '@hybridstore/engine';
import { compileValidator, invalidBody, parseJson } from '@hybridstore/http';
import { serveThread, systemClock } from '@hybridstore/runtime';
import type { WriteAnswer, WriteTask } from './write-threads.ts';

/** A write that was read and never encoded (its sender may not write) is forgotten after this. */
const heldMs = 10_000;
const validator = compileValidator(WriteRequest);
let held: { readonly id: number; readonly request: WriteRequest; readonly cancel: () => void } | undefined;

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
  forget();
  return { kind: 'encoded', frame: ownMemory(frame) };
}

/** Parsed once where the same thread gets both tasks of a write with none in between. */
function requestOf({ id, bytes }: WriteTask): WriteRequest {
  if (held?.id === id) return held.request;
  forget();
  const request = parseJson(Buffer.from(bytes), { depthMax: jsonDepthMax, keepsNumbers: true });
  if (!validator.check<WriteRequest>(request)) throw invalidBody(validator.errors());
  held = { id, request, cancel: systemClock.schedule(heldMs, forget) };
  return request;
}

function forget(): void {
  held?.cancel();
  held = undefined;
}

/** Memory of its own can be handed over; small buffers share theirs with others. */
function ownMemory(frame: Buffer): Uint8Array<ArrayBuffer> {
  return frame.buffer instanceof ArrayBuffer && frame.byteLength === frame.buffer.byteLength
    ? new Uint8Array(frame.buffer)
    : new Uint8Array(frame);
}
