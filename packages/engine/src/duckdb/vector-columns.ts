import type { DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { ColumnSection } from '../batch/batch-sections.ts';
import { columnKinds, valueBytes } from '../batch/column-kind.ts';

/** One text of the engine's: u32 length, then up to 12 bytes of it, or 4 bytes and where all of it lies. */
const cellBytes = 16;
const inlineBytesMax = 12;
const pointerAt = 8;

export type VectorRange = { readonly from: number; readonly count: number; readonly firstRow: number };

/**
 * Rows of the `index`-th vector of a chunk into a column, whose type of the engine is that of `duckdbTypeName`, with
 * decimals in 128 bits and times in UTC. Texts that lie one behind the other are one copy: those of an expression do.
 */
export function copyVector(
  chunk: DuckDBDataChunk,
  index: number,
  section: ColumnSection,
  { from, count, firstRow }: VectorRange,
): void {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, index);
  const end = from + count;
  const validity = duckdb.vector_get_validity(vector, Math.ceil(end / 64) * 8);
  const isNull = (row: number) => validity !== null && (validity[row >> 3]! & (1 << (row & 7))) === 0;
  for (let row = 0; row < count; row += 1) if (!isNull(from + row)) section.mark(firstRow + row);
  if (section.isText) {
    copyTexts(viewOf(duckdb.vector_get_data(vector, end * cellBytes)), section, { from, count, firstRow, isNull });
    return;
  }
  const width = valueBytes[columnKinds[section.column.kindCode]!];
  const bytes = duckdb.vector_get_data(vector, end * width);
  section.values.set(bytes.subarray(from * width, end * width), firstRow * width);
  // The place of a null holds whatever was there before.
  if (validity !== null)
    for (let row = 0; row < count; row += 1)
      if (isNull(from + row)) section.values.fill(0, (firstRow + row) * width, (firstRow + row + 1) * width);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

type Texts = VectorRange & { readonly isNull: (row: number) => boolean };

function copyTexts(cells: DataView, section: ColumnSection, { from, count, firstRow, isNull }: Texts): void {
  const end = from + count;
  for (let row = from; row < end; ) {
    const length = isNull(row) ? 0 : cells.getUint32(row * cellBytes, true);
    if (length <= inlineBytesMax) {
      section.reserveText(inlineBytesMax);
      const start = row * cellBytes + 4;
      for (let byte = 0; byte < length; byte += 1)
        section.text[section.textLength + byte] = cells.getUint8(start + byte);
      section.textLength += length;
      section.offsets[firstRow + row - from + 1] = section.textLength;
      row += 1;
      continue;
    }
    let bytes = length;
    let next = row + 1;
    section.offsets[firstRow + row - from + 1] = section.textLength + bytes;
    while (next < end && !isNull(next) && follows(cells, next)) {
      bytes += cells.getUint32(next * cellBytes, true);
      section.offsets[firstRow + next - from + 1] = section.textLength + bytes;
      next += 1;
    }
    // The binding makes it of an ArrayBuffer, whatever its type leaves open.
    const pointer = cells.byteOffset + row * cellBytes + pointerAt;
    const text = duckdb.get_data_from_pointer(cells.buffer as ArrayBuffer, pointer, bytes);
    section.reserveText(bytes);
    section.text.set(text, section.textLength);
    section.textLength += bytes;
    row = next;
  }
}

/** Whether a text lies where the one before it ends. One that crosses 4 GiB is read by itself. */
function follows(cells: DataView, row: number): boolean {
  const [cell, before] = [row * cellBytes, (row - 1) * cellBytes];
  const length = cells.getUint32(before, true);
  return (
    cells.getUint32(cell, true) > inlineBytesMax &&
    cells.getUint32(cell + pointerAt, true) === cells.getUint32(before + pointerAt, true) + length &&
    cells.getUint32(cell + pointerAt + 4, true) === cells.getUint32(before + pointerAt + 4, true)
  );
}
