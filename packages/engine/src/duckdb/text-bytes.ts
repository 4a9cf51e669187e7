import duckdb from '@duckdb/node-bindings';
import { HybridStoreError } from '@hybridstore/runtime';
import type { GrowingBytes } from './growing-bytes.ts';
import { type Bits, isSet } from './validity-bits.ts';

/** A text in a vector: u32 length, then the text of up to 12 bytes, or 4 bytes of it and where it lies. */
const wordsPerCell = 4;
export const textCellBytes = 16;
const inlineBytesMax = 12;
/** A loop is faster than a call for as many. */
const loopBytesMax = 48;
const int32Max = 2 ** 31 - 1;

export type TextCells = { readonly words: Uint32Array; readonly bits: Bits };

/**
 * Appends the bytes of texts, one behind the other, and where each ends. Those that lie behind each other in the engine's
 * memory, with short ones between them or not, are asked for in one call:
 *
 *   cells    [short] [14 ─┐] [short] [20 ─┐] [NULL] [31 ─┐]
 *   memory             aaaaaaa         bbbbbb         ccccccccc      one segment
 */
export class TextBytes {
  readonly #bytes: GrowingBytes;
  readonly #ends: GrowingBytes;

  /** `ends` holds an i32 for each text. */
  constructor(bytes: GrowingBytes, ends: GrowingBytes) {
    this.#bytes = bytes;
    this.#ends = ends;
  }

  append(cells: TextCells, from: number, count: number): void {
    const { segments, bytes } = findSegments(cells, from, count);
    if (this.#bytes.length + bytes > int32Max) throw tooLong();
    // Short texts are written by whole words, over what comes behind them.
    this.#bytes.reserve(bytes + inlineBytesMax);
    this.#ends.reserve(count * 4);
    this.#write(cells, segments, { from, count });
  }

  #write({ words, bits }: TextCells, segments: readonly Segment[], rows: { from: number; count: number }): void {
    const { buffer } = this.#bytes;
    const to = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const ends = new Int32Array(this.#ends.buffer.buffer, this.#ends.length, rows.count);
    let at = this.#bytes.length;
    let next = 0;
    let memory: Uint8Array = nothing;
    // What of the segment is yet to be copied: texts that stand behind each other here as there.
    let [runFrom, runAt, runBytes] = [0, at, 0];
    for (let index = 0; index < rows.count; index += 1) {
      const row = rows.from + index;
      const cell = row * wordsPerCell;
      const bytes = words[cell]!;
      if (bytes === 0 || !isSet(bits, row)) {
        ends[index] = at;
        continue;
      }
      if (bytes <= inlineBytesMax) {
        if (runBytes > 0) {
          copyBytes(memory, runFrom, { to: buffer, at: runAt, bytes: runBytes });
          runFrom += runBytes;
          runBytes = 0;
        }
        to.setUint32(at, words[cell + 1]!, true);
        if (bytes > 4) to.setUint32(at + 4, words[cell + 2]!, true);
        if (bytes > 8) to.setUint32(at + 8, words[cell + 3]!, true);
      } else {
        if (segments[next]?.row === row) {
          if (runBytes > 0) copyBytes(memory, runFrom, { to: buffer, at: runAt, bytes: runBytes });
          memory = readSegment(words, segments[next]!);
          next += 1;
          [runFrom, runBytes] = [0, 0];
        }
        if (runBytes === 0) runAt = at;
        runBytes += bytes;
      }
      at += bytes;
      ends[index] = at;
    }
    if (runBytes > 0) copyBytes(memory, runFrom, { to: buffer, at: runAt, bytes: runBytes });
    this.#bytes.length = at;
    this.#ends.length += rows.count * 4;
  }
}

const nothing = new Uint8Array(0);

/** Texts that follow each other in memory, from that of `row` on. */
type Segment = { readonly row: number; bytes: number };

function findSegments({ words, bits }: TextCells, from: number, count: number) {
  const segments: Segment[] = [];
  let segment: Segment = { row: from, bytes: 0 };
  let [total, end] = [0, -1];
  for (let row = from; row < from + count; row += 1) {
    if (!isSet(bits, row)) continue;
    const cell = row * wordsPerCell;
    const bytes = words[cell]!;
    total += bytes;
    if (bytes <= inlineBytesMax) continue;
    // Addresses have 48 bits.
    const start = words[cell + 2]! + words[cell + 3]! * 2 ** 32;
    if (start !== end) {
      segment = { row, bytes: 0 };
      segments.push(segment);
    }
    segment.bytes += bytes;
    end = start + bytes;
  }
  return { segments, bytes: total };
}

function readSegment(words: Uint32Array, { row, bytes }: Segment): Uint8Array {
  const pointer = words.byteOffset + row * textCellBytes + 8;
  // The binding makes it of an ArrayBuffer, whatever its type leaves open.
  return duckdb.get_data_from_pointer(words.buffer as ArrayBuffer, pointer, bytes);
}

type Target = { readonly to: Buffer; readonly at: number; readonly bytes: number };

function copyBytes(memory: Uint8Array, from: number, { to, at, bytes }: Target): void {
  if (bytes > loopBytesMax) to.set(memory.subarray(from, from + bytes), at);
  else for (let byte = 0; byte < bytes; byte += 1) to[at + byte] = memory[from + byte]!;
}

function tooLong(): HybridStoreError {
  const message = `texts of a column that come at once are longer than ${int32Max} bytes`;
  return new HybridStoreError('too_large', message, { limit: 'bytes', max: int32Max });
}
