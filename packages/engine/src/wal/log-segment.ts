import { crc32 } from 'node:zlib';

/**
 * A log segment: a file of frames, named by the first LSN it may hold. Its header, little-endian:
 *
 *   0 "HSLOG001"   8 log id (16 bytes)   24 u64 first LSN   32 u32 CRC-32 of bytes 0 to 31   36 u32 0
 */
export const segmentHeaderBytes = 40;
const magic = 'HSLOG001';
const namePattern = /^(\d{20})\.log$/;

export function segmentName(firstLsn: number): string {
  return `${String(firstLsn).padStart(20, '0')}.log`;
}

/** First LSN of a segment's name; undefined for other files. */
export function firstLsnOfName(name: string): number | undefined {
  const match = namePattern.exec(name);
  return match ? Number(match[1]) : undefined;
}

export function encodeSegmentHeader(logId: string, firstLsn: number): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes);
  header.write(magic, 0, 'latin1');
  header.write(logId, 8, 'hex');
  header.writeBigUInt64LE(BigInt(firstLsn), 24);
  header.writeUInt32LE(crc32(header.subarray(0, 32)), 32);
  return header;
}

export function readSegmentHeader(
  bytes: Buffer,
): { readonly logId: string; readonly firstLsn: number } | { readonly broken: string } {
  if (bytes.length < segmentHeaderBytes) return { broken: `${bytes.length} bytes, a header has ${segmentHeaderBytes}` };
  if (bytes.toString('latin1', 0, 8) !== magic) return { broken: 'not a log segment' };
  if (crc32(bytes.subarray(0, 32)) !== bytes.readUInt32LE(32)) return { broken: 'header checksum does not match' };
  return { logId: bytes.toString('hex', 8, 24), firstLsn: Number(bytes.readBigUInt64LE(24)) };
}
