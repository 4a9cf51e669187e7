import duckdb from '@duckdb/node-bindings';
import { assert } from '@hybridstore/runtime';

/** One text of the engine's, in a vector: u32 length, then the text of up to 12 bytes, or 4 bytes of it and where it lies. */
const cellBytes = 16;
const inlineBytesMax = 12;
const textAt = 4;
const pointerAt = 8;
const rowsPerValidityWord = 64;

/** Texts of `rows` rows that follow each other, joined. */
export type TextRun = { readonly rows: number; readonly bytes: Buffer };

export type TextChunk = {
  readonly chunk: Parameters<typeof duckdb.data_chunk_get_vector>[0];
  readonly rowCount: number;
};

/**
 * The texts in the first column of a chunk, in order. The engine lays the long texts of a vector one behind the other in a
 * few blocks, so that a run of them is one copy, where each by itself would be a call into the engine:
 *
 *   cells   [14 ─┐] [20 ─┐] [9 inline] [31 ─┐]          runs   {a a a b b b b}  {inline}  {c c c c c}
 *   block     …aaabbbb…                    ccccc…
 *
 * A run ends at `bytesMax`, or with the one text that is longer. The caller keeps the chunk until the last run is there.
 */
export function* textRuns({ chunk, rowCount }: TextChunk, bytesMax: number): Generator<TextRun> {
  const vector = duckdb.data_chunk_get_vector(chunk, 0);
  requireNoNull(vector, rowCount);
  const cells = viewOf(duckdb.vector_get_data(vector, rowCount * cellBytes));
  for (let from = 0; from < rowCount; ) {
    const run = isInline(cells, from)
      ? readInline(cells, { from, rowCount, bytesMax })
      : readBlock(cells, { from, rowCount, bytesMax });
    from += run.rows;
    yield run;
  }
}

type RunBounds = { readonly from: number; readonly rowCount: number; readonly bytesMax: number };

function readBlock(cells: DataView, { from, rowCount, bytesMax }: RunBounds): TextRun {
  let bytes = lengthAt(cells, from);
  let row = from + 1;
  while (row < rowCount && follows(cells, row) && bytes + lengthAt(cells, row) <= bytesMax) {
    bytes += lengthAt(cells, row);
    row += 1;
  }
  const pointer = cells.byteOffset + from * cellBytes + pointerAt;
  // The binding makes it of an ArrayBuffer, whatever its type leaves open.
  const text = duckdb.get_data_from_pointer(cells.buffer as ArrayBuffer, pointer, bytes);
  return { rows: row - from, bytes: Buffer.from(text.buffer, text.byteOffset, text.byteLength) };
}

/** Whether a text lies where the one before it ends. A block that crosses 4 GiB is read as two, which costs a call. */
function follows(cells: DataView, row: number): boolean {
  const [cell, before] = [row * cellBytes, (row - 1) * cellBytes];
  if (isInline(cells, row)) return false;
  const end = cells.getUint32(before + pointerAt, true) + lengthAt(cells, row - 1);
  return (
    cells.getUint32(cell + pointerAt, true) === end &&
    cells.getUint32(cell + pointerAt + 4, true) === cells.getUint32(before + pointerAt + 4, true)
  );
}

function readInline(cells: DataView, { from, rowCount, bytesMax }: RunBounds): TextRun {
  let bytes = 0;
  let row = from;
  while (row < rowCount && isInline(cells, row) && bytes <= bytesMax) bytes += lengthAt(cells, row++);
  const text = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let index = from; index < row; index += 1) {
    const start = index * cellBytes + textAt;
    const end = start + lengthAt(cells, index);
    for (let byte = start; byte < end; byte += 1) text[at++] = cells.getUint8(byte);
  }
  return { rows: row - from, bytes: text };
}

function isInline(cells: DataView, row: number): boolean {
  return lengthAt(cells, row) <= inlineBytesMax;
}

function lengthAt(cells: DataView, row: number): number {
  return cells.getUint32(row * cellBytes, true);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** The cell of a NULL holds what was in that memory before. */
function requireNoNull(vector: Parameters<typeof duckdb.vector_get_data>[0], rowCount: number): void {
  const validity = duckdb.vector_get_validity(vector, Math.ceil(rowCount / rowsPerValidityWord) * 8);
  if (validity === null) return;
  for (let row = 0; row < rowCount; row += 1)
    assert((validity[row >> 3]! & (1 << (row & 7))) !== 0, 'a row is never null');
}
