/** Bytes that are added at the end of one memory, which is used again when they are taken. */
export class GrowingBytes {
  buffer: Buffer = Buffer.alloc(0);
  length = 0;
  readonly #isZeroed: boolean;

  /** `isZeroed`: bytes that nobody wrote yet are 0. */
  constructor(isZeroed = false) {
    this.#isZeroed = isZeroed;
  }

  /** Makes room for so many bytes behind the last one. */
  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const old = this.buffer;
    // Of its own memory, so that its words are aligned.
    const size = Math.ceil(Math.max(needed, old.length * 2) / 64) * 64;
    this.buffer = this.#isZeroed ? Buffer.alloc(size) : Buffer.allocUnsafeSlow(size);
    this.buffer.set(old.subarray(0, this.length));
  }

  push(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** What there is; it lasts until `clear()`. */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  clear(): void {
    if (this.#isZeroed) this.buffer.fill(0, 0, this.length);
    this.length = 0;
  }
}
