const magic = 0x18_4d_22_04;
const matchBytesMin = 4;
const contentBytesMaxDefault = 2 ** 31;

/**
 * LZ4, in which Feather files come by default. Node has none of its own.
 *
 *   magic · flags · block size · [content size] · [dictionary id] · header checksum · blocks… · 0 · [content checksum]
 *   block = length (high bit: stored as it is) · bytes · [checksum]
 *
 * Source: the LZ4 frame format 1.6 and the LZ4 block format. Checksums are passed over: the record batch around the frame
 * names its length, and values are checked again when they are written. Dictionaries of a frame are refused.
 *
 * The content of one frame, of at most `bytesMax` bytes. Throws RangeError when it is longer, cut off or not a frame.
 */
export function decodeLz4Frame(frame: Uint8Array, bytesMax = contentBytesMaxDefault): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 7 || view.getUint32(0, true) !== magic) throw new RangeError('not an LZ4 frame');
  const flags = view.getUint8(4);
  if ((flags & 0b1) !== 0) throw new RangeError('an LZ4 frame with a dictionary');
  const hasContentSize = (flags & 0b1000) !== 0;
  const blockChecksumBytes = (flags & 0b1_0000) !== 0 ? 4 : 0;
  const output = new Output(hasContentSize ? Number(view.getBigUint64(6, true)) : frame.length * 4, bytesMax);
  let at = 4 + 2 + (hasContentSize ? 8 : 0) + 1;
  for (;;) {
    const header = view.getUint32(at, true);
    at += 4;
    if (header === 0) return output.content();
    const length = header & 0x7f_ff_ff_ff;
    const block = frame.subarray(at, at + length);
    if (block.length < length) throw new RangeError('an LZ4 block is cut off');
    if (header >>> 31 === 1) output.append(block);
    else decodeBlock(block, output);
    at += length + blockChecksumBytes;
  }
}

/** One block without a frame, as Parquet has it. `contentBytes` is its size unpacked. */
export function decodeLz4Block(block: Uint8Array, contentBytes: number): Uint8Array {
  const output = new Output(contentBytes, contentBytesMaxDefault);
  decodeBlock(block, output);
  return output.content();
}

/** Sequences of literals and a match, which may reach back into the blocks before. The last has literals only. */
function decodeBlock(block: Uint8Array, output: Output): void {
  let at = 0;
  const readLength = (start: number): number => {
    let length = start;
    if (start !== 15) return length;
    for (;;) {
      const more = block[at];
      if (more === undefined) throw new RangeError('an LZ4 length is cut off');
      at += 1;
      length += more;
      if (more !== 255) return length;
    }
  };
  while (at < block.length) {
    const token = block[at] ?? 0;
    at += 1;
    const literals = readLength(token >> 4);
    if (at + literals > block.length) throw new RangeError('LZ4 literals are cut off');
    output.append(block.subarray(at, at + literals));
    at += literals;
    if (at >= block.length) return;
    const distance = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    output.repeat(distance, readLength(token & 15) + matchBytesMin);
  }
}

class Output {
  #bytes: Uint8Array;
  readonly #bytesMax: number;
  #length = 0;

  constructor(sizeHint: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#bytes = new Uint8Array(Math.min(bytesMax, Math.max(64, sizeHint)));
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Byte by byte, because a match may overlap what it writes. */
  repeat(distance: number, length: number): void {
    if (distance === 0 || distance > this.#length) throw new RangeError('an LZ4 match points before the content');
    this.#reserve(length);
    for (let end = this.#length + length; this.#length < end; this.#length += 1)
      this.#bytes[this.#length] = this.#bytes[this.#length - distance] ?? 0;
  }

  content(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed > this.#bytesMax) throw new RangeError(`LZ4 content of more than ${this.#bytesMax} bytes`);
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(needed, this.#bytes.length * 2)));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
