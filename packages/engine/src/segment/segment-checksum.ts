import { createHash } from 'node:crypto';
import { HybridStoreError } from '@hybridstore/runtime';

/**
 * Checksums of the bytes of a segment, kept with the commit that adds it. A segment is cut at its row groups, and these into
 * pieces that fit memory; the footer is the last piece, so every byte is in one:
 *
 *     sha256/64:<end>=<16 digits>,<end>=<16 digits>,…      ends in bytes, to base 36; digits: the first 64 bits
 *
 * Readers of Parquet decode a flipped bit to another value more often than not, and no page of ours has a checksum of its
 * own: the writer cannot make them.
 */
const format = 'sha256/64';
const pieceBytesMax = 4 * 1024 * 1024;
const digits = 16;
const piecesMax = 1_000_000;

export type ReadRange = (offset: number, length: number) => Promise<Buffer>;
/** Called with the bytes that were read, to wait where reading has a limit. */
export type Pace = (bytes: number) => Promise<void>;

type Piece = { readonly end: number; readonly sum: string };

/** `rowGroupsAt`: where the row groups begin, in order. */
export async function checksumSegment(
  read: ReadRange,
  { bytes, rowGroupsAt }: { readonly bytes: number; readonly rowGroupsAt: readonly number[] },
): Promise<string> {
  const pieces: string[] = [];
  let start = 0;
  // The file's first bytes belong to its first row group.
  const boundaries = [...rowGroupsAt.slice(1), await readFooterStart(read, bytes)];
  for (const end of cutAtPieces(boundaries, bytes)) {
    pieces.push(`${end.toString(36)}=${await sumOf(await read(start, end - start))}`);
    start = end;
  }
  return `${format}:${pieces.join(',')}`;
}

export type BadRange = { readonly from: number; readonly to: number };

/** The first piece that is not what was written; undefined when all are. `corrupt` when the checksum itself is none. */
export async function findBadRange(read: ReadRange, checksum: string, pace?: Pace): Promise<BadRange | undefined> {
  let start = 0;
  for (const { end, sum } of parseChecksum(checksum)) {
    const bytes = await read(start, end - start);
    await pace?.(bytes.length);
    if (bytes.length !== end - start || (await sumOf(bytes)) !== sum) return { from: start, to: end };
    start = end;
  }
  return undefined;
}

/** How many bytes the file had that the checksum is of. */
export function checksumBytes(checksum: string): number {
  return parseChecksum(checksum).at(-1)?.end ?? 0;
}

function parseChecksum(checksum: string): readonly Piece[] {
  const [name, list = ''] = checksum.split(':');
  const parts = list.split(',');
  if (name !== format || parts.length > piecesMax) throw badChecksum(checksum);
  let before = 0;
  return parts.map((part) => {
    const [, text = '', sum] = /^([0-9a-z]{1,10})=([0-9a-f]{16})$/.exec(part) ?? [];
    const end = Number.parseInt(text, 36);
    if (sum === undefined || !(end > before)) throw badChecksum(checksum);
    before = end;
    return { end, sum };
  });
}

function badChecksum(checksum: string): HybridStoreError {
  return new HybridStoreError('corrupt', `expected a checksum of the form ${format}:…, found ${checksum.slice(0, 40)}`);
}

/** What takes longer than about a millisecond is done off the main thread, which has others to serve. */
const sumHereBytesMax = 1024 * 1024;

async function sumOf(bytes: Buffer): Promise<string> {
  if (bytes.length <= sumHereBytesMax) return createHash('sha256').update(bytes).digest('hex').slice(0, digits);
  const copy = new Uint8Array(bytes); // the platform takes no view into a pool
  const sum = await crypto.subtle.digest('SHA-256', copy);
  return Buffer.from(sum).toString('hex').slice(0, digits);
}

function cutAtPieces(boundaries: readonly number[], bytes: number): readonly number[] {
  const ends: number[] = [];
  let start = 0;
  for (const boundary of [...boundaries, bytes])
    while (start < boundary) {
      start = Math.min(start + pieceBytesMax, boundary);
      ends.push(start);
    }
  return ends;
}

const tailBytes = 8;

/** Where the footer begins: its length stands before the last four bytes. */
async function readFooterStart(read: ReadRange, bytes: number): Promise<number> {
  const tail = await read(Math.max(0, bytes - tailBytes), tailBytes);
  const start = tail.length === tailBytes ? bytes - tailBytes - tail.readUInt32LE(0) : -1;
  if (start < 0) throw new HybridStoreError('corrupt', 'no Parquet file: its footer is longer than itself');
  return start;
}
