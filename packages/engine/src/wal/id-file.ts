import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Disk, groupFile, replaceFileDurably } from '@hybridstore/runtime';
import type { AppliedBatch } from '../ports.ts';

/**
 * The batch ids of one segment, in a file of its own: `<20 digits>.ids`, named like the segment. It is made once the segment
 * is full, is durable before the segment goes, and stays until the ids have lived as long as promised. Little-endian:
 *
 *   0 "HSIDS001"   8 log id (16 bytes)   24 u64 first LSN   32 u64 last LSN   40 u64 age of the log in ms
 *   48 u32 ids     52 u32 CRC-32 of all other bytes   56 u64 first LSN of the file with ids before this one, or 0
 *   64 for each id: u64 LSN · u32 rows · u16 bytes of the key · u8 1 when durable · u8 0 · key
 */
export type IdFile = {
  readonly firstLsn: number;
  readonly lastLsn: number;
  readonly ageMs: number;
  /** First LSN of the file with ids before this one, 0 for none: so that one that vanishes is missed. */
  readonly previousLsn: number;
  readonly batches: readonly (readonly [key: string, applied: AppliedBatch])[];
};

const magic = 'HSIDS001';
const headerBytes = 64;
const entryBytes = 16;
const crcAt = 52;
const namePattern = /^(\d{20})\.ids$/;

export function idFileName(firstLsn: number): string {
  return `${String(firstLsn).padStart(20, '0')}.ids`;
}

export function firstLsnOfIdFile(name: string): number | undefined {
  const match = namePattern.exec(name);
  return match ? Number(match[1]) : undefined;
}

export async function writeIdFile(disk: Disk, folder: string, logId: string, content: IdFile): Promise<void> {
  const path = join(folder, idFileName(content.firstLsn));
  await replaceFileDurably(disk, { path, bytes: encodeIdFile(logId, content), mode: groupFile });
}

/** Keys are ASCII. */
export function encodeIdFile(logId: string, { firstLsn, lastLsn, ageMs, previousLsn, batches }: IdFile): Buffer {
  const bytes = Buffer.alloc(batches.reduce((sum, [key]) => sum + entryBytes + key.length, headerBytes));
  bytes.write(magic, 0, 'latin1');
  bytes.write(logId, 8, 'hex');
  bytes.writeBigUInt64LE(BigInt(firstLsn), 24);
  bytes.writeBigUInt64LE(BigInt(lastLsn), 32);
  bytes.writeBigUInt64LE(BigInt(Math.floor(ageMs)), 40);
  bytes.writeUInt32LE(batches.length, 48);
  bytes.writeBigUInt64LE(BigInt(previousLsn), 56);
  let at = headerBytes;
  for (const [key, { lsn, accepted, durable }] of batches) {
    bytes.writeBigUInt64LE(BigInt(lsn), at);
    bytes.writeUInt32LE(accepted, at + 8);
    bytes.writeUInt16LE(key.length, at + 12);
    bytes[at + 14] = durable ? 1 : 0;
    bytes.write(key, at + entryBytes, 'latin1');
    at += entryBytes + key.length;
  }
  bytes.writeUInt32LE(checksum(bytes), crcAt);
  return bytes;
}

export function decodeIdFile(bytes: Buffer, logId: string): IdFile | { readonly broken: string } {
  if (bytes.length < headerBytes) return { broken: `${bytes.length} bytes, a header has ${headerBytes}` };
  if (bytes.toString('latin1', 0, 8) !== magic) return { broken: 'no file of batch ids' };
  if (checksum(bytes) !== bytes.readUInt32LE(crcAt)) return { broken: 'checksum does not match' };
  if (bytes.toString('hex', 8, 24) !== logId) return { broken: 'belongs to another log' };
  const batches: [string, AppliedBatch][] = [];
  let at = headerBytes;
  for (let index = 0; index < bytes.readUInt32LE(48); index += 1) {
    const keyAt = at + entryBytes;
    const keyEnd = keyAt + bytes.readUInt16LE(at + 12);
    const lsn = Number(bytes.readBigUInt64LE(at));
    const applied = { lsn, accepted: bytes.readUInt32LE(at + 8), durable: bytes[at + 14] === 1 };
    batches.push([bytes.toString('latin1', keyAt, keyEnd), applied]);
    at = keyEnd;
  }
  const [firstLsn = 0, lastLsn = 0, ageMs = 0, previousLsn = 0] = [24, 32, 40, 56].map((position) =>
    Number(bytes.readBigUInt64LE(position)),
  );
  return { firstLsn, lastLsn, ageMs, previousLsn, batches };
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(crcAt + 4), crc32(bytes.subarray(0, crcAt)));
}
