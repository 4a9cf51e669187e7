import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { HybridStoreError } from '@hybridstore/runtime';

/** A packing that its first bytes tell apart, whatever the name of the file says. */
const packings = [
  { name: 'gzip', magic: Buffer.from([0x1f, 0x8b]), unpack: createGunzip },
  { name: 'Zstandard', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), unpack: createZstdDecompress },
] as const;
type Packing = (typeof packings)[number];

const magicBytes = 4;
const chunkBytes = 1 << 20;

/** One piece of a file's content unpacked, and how far into the file as it lies on disk the reading has come. */
export type Piece = { readonly bytes: Buffer; readonly bytesRead: number };

/** The bytes of a file as it lies, each time in the same memory, so that to look through a large one leaves nothing behind. */
export async function* readSlabs(path: string): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    const slab = Buffer.allocUnsafeSlow(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(slab, 0, slab.length);
      if (bytesRead === 0) return;
      yield slab.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Bytes of a file that were read and not taken yet. */
export class ReadAhead {
  readonly #pieces: AsyncGenerator<Piece>;
  rest: Buffer = Buffer.alloc(0);
  /** Of the file as it lies on disk. */
  bytesRead = 0;
  isAll = false;

  constructor(path: string) {
    this.#pieces = readPieces(path);
  }

  /** At least so many bytes in `rest`, or all there are. */
  async fill(bytes: number): Promise<void> {
    const parts = [this.rest];
    let length = this.rest.length;
    while (length < bytes && !this.isAll) {
      const next = await this.#pieces.next();
      if (next.done) this.isAll = true;
      else {
        parts.push(next.value.bytes);
        length += next.value.bytes.length;
        this.bytesRead = next.value.bytesRead;
      }
    }
    if (parts.length > 1) this.rest = Buffer.concat(parts);
  }

  take(bytes: number): Buffer {
    const taken = this.rest.subarray(0, bytes);
    this.rest = this.rest.subarray(bytes);
    return taken;
  }

  /** What comes behind `rest`. */
  remaining(): AsyncIterable<Piece> {
    return this.#pieces;
  }

  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }
}

export async function isPacked(path: string): Promise<boolean> {
  return (await packingOf(path)) !== undefined;
}

/** The content of a file, unpacked when it is packed. Throws `invalid_request` when the packing is cut off or damaged. */
export async function* readPieces(path: string): AsyncGenerator<Piece> {
  const packing = await packingOf(path);
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  const content: Readable = packing === undefined ? file : file.pipe(packing.unpack({ chunkSize: chunkBytes }));
  file.on('error', (error) => content.destroy(error));
  try {
    // A readable of bytes without an encoding gives buffers, which its type does not say.
    for await (const bytes of content as AsyncIterable<Buffer>) yield { bytes, bytesRead: file.bytesRead };
  } catch (cause) {
    if (packing === undefined || !(cause instanceof Error)) throw cause;
    const message = `${path}: expected ${packing.name} to its end, found it cut off or damaged (${cause.message})`;
    throw new HybridStoreError('invalid_request', message, {}, { cause });
  } finally {
    file.destroy();
    content.destroy();
  }
}

async function packingOf(path: string): Promise<Packing | undefined> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(magicBytes), 0, magicBytes, 0);
    const start = buffer.subarray(0, bytesRead);
    return packings.find(({ magic }) => start.subarray(0, magic.length).equals(magic));
  } finally {
    await file.close();
  }
}
