import { GrowingBytes } from './growing-bytes.ts';

/** One bit a row, the first row's the lowest: 1 where there is a value. DuckDB and Arrow have the same. Absent: no NULL. */
export type Bits = Uint8Array | undefined;

export function isSet(bits: Bits, row: number): boolean {
  return bits === undefined || (bits[row >> 3]! & (1 << (row & 7))) !== 0;
}

/** Values of what has values itself: a field of a NULL is none, whatever stands in its place. */
export function both(one: Bits, other: Bits): Bits {
  if (one === undefined || other === undefined) return one ?? other;
  const bits = new Uint8Array(Math.min(one.length, other.length));
  for (let byte = 0; byte < bits.length; byte += 1) bits[byte] = one[byte]! & other[byte]!;
  return bits;
}

/** Which rows of a column have a value. There are bits only from the first NULL on. */
export class ValidityBits {
  readonly #bits = new GrowingBytes(true);
  length = 0;
  nullCount = 0;

  get bytes(): number {
    return this.#bits.length;
  }

  append(bits: Bits, from: number, count: number): void {
    const nulls = bits === undefined ? 0 : count - countSet(bits, from, count);
    if (nulls > 0 && this.nullCount === 0) this.#setAll(this.length);
    this.nullCount += nulls;
    if (this.nullCount > 0) this.#copy(bits, from, count);
    this.length += count;
  }

  /** Absent where no row is NULL; they last until `clear()`. */
  get bits(): Buffer | undefined {
    return this.nullCount === 0 ? undefined : this.#bits.bytes;
  }

  clear(): void {
    this.length = 0;
    this.nullCount = 0;
    this.#bits.clear();
  }

  #setAll(rows: number): void {
    this.#reserve(rows);
    const { buffer } = this.#bits;
    buffer.fill(0xff, 0, rows >> 3);
    if ((rows & 7) !== 0) buffer[rows >> 3] = (1 << (rows & 7)) - 1;
  }

  #copy(bits: Bits, from: number, count: number): void {
    this.#reserve(this.length + count);
    const { buffer } = this.#bits;
    if (bits !== undefined && ((from | this.length | count) & 7) === 0) {
      buffer.set(bits.subarray(from >> 3, (from + count) >> 3), this.length >> 3);
      return;
    }
    for (let row = 0; row < count; row += 1) {
      const to = this.length + row;
      if (isSet(bits, from + row)) buffer[to >> 3]! |= 1 << (to & 7);
    }
  }

  #reserve(rows: number): void {
    const bytes = Math.ceil(rows / 8);
    this.#bits.reserve(Math.max(0, bytes - this.#bits.length));
    this.#bits.length = Math.max(bytes, this.#bits.length);
  }
}

function countSet(bits: Uint8Array, from: number, count: number): number {
  let set = 0;
  let row = from;
  const end = from + count;
  for (; row < end && (row & 7) !== 0; row += 1) set += (bits[row >> 3]! >> (row & 7)) & 1;
  for (; row + 8 <= end; row += 8) set += setOf[bits[row >> 3]!]!;
  for (; row < end; row += 1) set += (bits[row >> 3]! >> (row & 7)) & 1;
  return set;
}

const setOf = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);
