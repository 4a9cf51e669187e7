import { HybridStoreError } from '@hybridstore/runtime';

/** Largest encoded batch. A request body is bounded far below; text only grows when it is escaped JSON. */
export const payloadBytesMax = 128 * 1024 * 1024;
const bytesInitial = 64 * 1024;
/** A scratch that one large batch has blown up is let go again. */
const bytesKept = 4 * 1024 * 1024;

/**
 * Memory that batches are encoded into, one after the other, before they are copied out at their exact size. The typed
 * views share one buffer, so positions of numbers must be multiples of 8.
 */
export class Scratch {
  bytes: Buffer = Buffer.alloc(0);
  int32: Int32Array = new Int32Array(0);
  uint32: Uint32Array = new Uint32Array(0);
  float64: Float64Array = new Float64Array(0);
  int64: BigInt64Array = new BigInt64Array(0);
  position = 0;

  constructor() {
    this.#allocate(bytesInitial);
  }

  restart(): void {
    if (this.bytes.length > bytesKept) this.#allocate(bytesInitial);
    this.position = 0;
  }

  /** Makes room for `count` bytes from `position` on. Views taken before are stale afterwards. */
  ensure(count: number): void {
    const wanted = this.position + count;
    if (wanted <= this.bytes.length) return;
    if (wanted > payloadBytesMax)
      throw new HybridStoreError('too_large', `batch: more than ${payloadBytesMax} bytes when encoded`, {
        field: 'records',
        expected: `at most ${payloadBytesMax} bytes`,
      });
    const old = this.bytes;
    this.#allocate(Math.max(wanted, old.length * 2));
    this.bytes.set(old.subarray(0, this.position));
  }

  /** Zero bytes up to the next multiple of 8. */
  align(): void {
    this.ensure(8);
    while (this.position % 8 !== 0) this.bytes[this.position++] = 0;
  }

  #allocate(wanted: number): void {
    const memory = new ArrayBuffer(Math.ceil(wanted / 8) * 8);
    this.bytes = Buffer.from(memory);
    this.int32 = new Int32Array(memory);
    this.uint32 = new Uint32Array(memory);
    this.float64 = new Float64Array(memory);
    this.int64 = new BigInt64Array(memory);
  }
}
