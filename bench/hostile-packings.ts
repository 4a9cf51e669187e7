import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

type Packed = { readonly encoding: string; readonly bodies: readonly Buffer[] };

const bombBytes = 512 * 1024 * 1024;
const callersAtOnce = 64;

/** Compressed bodies that cost a reader more than their size, by name; those of one entry come at once. */
export function hostilePackings(text: string, packedBytes: number): Readonly<Record<string, Packed>> {
  const plain = Buffer.from(text);
  const bomb = Buffer.alloc(bombBytes, ' ');
  const packings = { gzip: gzipSync, zstd: zstdCompressSync, deflate: deflateSync };
  const entries = Object.entries(packings).flatMap(([encoding, pack]): [string, Packed][] => {
    const packedBomb = pack(bomb);
    return [
      [`${encoding} that fits`, { encoding, bodies: [pack(plain)] }],
      [`${encoding} bomb`, { encoding, bodies: [packedBomb] }],
      [`${callersAtOnce} ${encoding} bombs at once`, { encoding, bodies: Array(callersAtOnce).fill(packedBomb) }],
      [`${encoding} bomb in itself`, { encoding: `${encoding}, ${encoding}`, bodies: [pack(packedBomb)] }],
      [`${encoding} of nothing, many times`, { encoding, bodies: [repeat(pack(Buffer.alloc(0)), packedBytes)] }],
      [`${encoding} of a space, many times`, { encoding, bodies: [repeat(pack(Buffer.from(' ')), packedBytes)] }],
      [`${encoding}, cut`, { encoding, bodies: [pack(plain).subarray(0, -5)] }],
      [`no ${encoding}`, { encoding, bodies: [plain] }],
    ];
  });
  return Object.fromEntries(entries);
}

function repeat(piece: Buffer, bytes: number): Buffer {
  return Buffer.concat(Array<Buffer>(Math.floor(bytes / piece.length)).fill(piece));
}
