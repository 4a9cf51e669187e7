import { HybridStoreError } from '@hybridstore/runtime';
import type { Batch, BatchColumn } from './batch.ts';
import { columnKinds, valueBytes } from './column-kind.ts';

/**
 * A batch as bytes. All numbers little-endian; every section starts at a multiple of 8 from the start of the payload.
 *
 *   u32 rows · u16 columns · u16 version (1)
 *   per column: u8 kind (index in `columnKinds`) · u8 scale · u16 flags (1 = has nulls) · u32 bytes of its section
 *   per column, its section: validity (⌈rows/64⌉ × 8 bytes) · values, or for text (rows+1) × u32 offsets · UTF-8 · padding
 *
 * `BatchEncoder` writes it, `decodeBatch` reads it. Names are not in it: they follow from the table's schema version.
 */
export const batchVersion = 1;
export const payloadHeaderBytes = 8;
export const columnDescriptorBytes = 8;
export const hasNullsFlag = 1;

export function validityBytes(rows: number): number {
  return Math.ceil(rows / 64) * 8;
}

/** Views into `payload`, which must not change afterwards. `corrupt` when the bytes contradict themselves. */
export function decodeBatch(payload: Uint8Array): Batch {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < payloadHeaderBytes) throw corruptBatch('shorter than its header');
  const rows = view.getUint32(0, true);
  const columnCount = view.getUint16(4, true);
  if (view.getUint16(6, true) !== batchVersion)
    throw corruptBatch(`version ${view.getUint16(6, true)}, expected ${batchVersion}`);
  let at = payloadHeaderBytes + columnCount * columnDescriptorBytes;
  if (at > payload.length) throw corruptBatch(`${columnCount} columns in ${payload.length} bytes`);
  const columns: BatchColumn[] = [];
  for (let index = 0; index < columnCount; index += 1) {
    const descriptorAt = payloadHeaderBytes + index * columnDescriptorBytes;
    const sectionBytes = view.getUint32(descriptorAt + 4, true);
    const section = payload.subarray(at, at + sectionBytes);
    if (section.length !== sectionBytes) throw corruptBatch(`column ${index} ends behind the batch`);
    columns.push(decodeColumn(view, descriptorAt, section, rows));
    at += sectionBytes;
  }
  return { rows, columns };
}

function decodeColumn(view: DataView, descriptorAt: number, section: Uint8Array, rows: number): BatchColumn {
  const kind = columnKinds[view.getUint8(descriptorAt)];
  if (!kind) throw corruptBatch(`unknown column kind ${view.getUint8(descriptorAt)}`);
  const shape = {
    kind,
    scale: view.getUint8(descriptorAt + 1),
    hasNulls: (view.getUint16(descriptorAt + 2, true) & hasNullsFlag) !== 0,
    validity: section.subarray(0, validityBytes(rows)),
  };
  const body = section.subarray(validityBytes(rows));
  if (kind !== 'text') {
    if (body.length < rows * valueBytes[kind]) throw corruptBatch(`${rows} ${kind} values in ${body.length} bytes`);
    return { ...shape, values: body.subarray(0, rows * valueBytes[kind]), offsets: body.subarray(0, 0) };
  }
  const offsetsBytes = (rows + 1) * 4;
  if (body.length < offsetsBytes) throw corruptBatch(`${rows} offsets in ${body.length} bytes`);
  const offsets = body.subarray(0, offsetsBytes);
  const textBytes = readOffset(offsets, rows);
  if (body.length < offsetsBytes + textBytes) throw corruptBatch(`${textBytes} bytes of text in ${body.length} bytes`);
  return { ...shape, values: body.subarray(offsetsBytes, offsetsBytes + textBytes), offsets };
}

/** The `index`-th u32 of `offsets`, whatever its alignment. */
export function readOffset(offsets: Uint8Array, index: number): number {
  const at = index * 4;
  const [low, second, third, high] = [offsets[at]!, offsets[at + 1]!, offsets[at + 2]!, offsets[at + 3]!];
  return (low | (second << 8) | (third << 16) | (high << 24)) >>> 0;
}

function corruptBatch(what: string): HybridStoreError {
  return new HybridStoreError('corrupt', `batch: ${what}`);
}
