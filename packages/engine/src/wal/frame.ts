import { crc32 } from 'node:zlib';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Batch } from '../batch/batch.ts';
import { decodeBatch } from '../batch/batch-codec.ts';

/**
 * One entry of the log, as it stands on disk, travels between replicas and reaches the SQL and the writer child.
 * Little-endian, every length a multiple of 8:
 *
 *   0  u32 magic "HSFR"        4  u32 length of the whole frame
 *   8  u32 CRC-32 of the rest  12 u8 kind · u8 bytes of source id · u8 bytes of batch id · u8 0
 *   16 u64 LSN                 24 u64 LSN of the frame before it in this log
 *   32 u64 durable LSN         40 u64 table tag
 *   48 u32 schema version      52 u32 rows
 *   56 source id, batch id, zeros up to a multiple of 8 · payload (a batch)
 *
 * `durable LSN` is how far the log was synced when this frame was written. It parts a torn tail from rot: a bad frame
 * that a later one calls durable had been synced, so its rows were acknowledged and must not be dropped silently.
 * `table tag` names one life of a source: frames of a source that was deleted and created again are not its rows.
 */
export const frameKinds = { batch: 1, reservation: 2, seal: 3 } as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export const frameMagic = 0x52465348;
export const frameHeaderBytes = 56;
/** Largest frame that is believed while reading; a batch is bounded below it. */
export const frameBytesMax = 160 * 1024 * 1024;
const checkedFrom = 12;

export type FrameHeader = {
  readonly kind: FrameKind;
  readonly bytes: number;
  readonly lsn: number;
  readonly previousLsn: number;
  readonly durableLsn: number;
  readonly tableTag: bigint;
  readonly schemaVersion: number;
  readonly rows: number;
  readonly sourceId: string;
  readonly batchId: string | undefined;
  /** Where the payload begins in the frame. */
  readonly payloadAt: number;
};

export type FrameIdentity = {
  readonly kind: FrameKind;
  readonly sourceId: string;
  readonly batchId?: string | undefined;
  readonly tableTag: bigint;
  readonly schemaVersion: number;
  readonly rows: number;
};

/** Bytes to leave free before the payload. */
export function framePrefixBytes(sourceId: string, batchId: string | undefined): number {
  return frameHeaderBytes + Math.ceil((sourceId.length + (batchId?.length ?? 0)) / 8) * 8;
}

/** Fills the prefix of `frame`, all but what is known only when it is written: see `sealFrame`. Ids are ASCII. */
export function writeFrameHeader(frame: Buffer, identity: FrameIdentity): void {
  const batchId = identity.batchId ?? '';
  frame.writeUInt32LE(frameMagic, 0);
  frame.writeUInt32LE(frame.length, 4);
  frame[12] = identity.kind;
  frame[13] = identity.sourceId.length;
  frame[14] = batchId.length;
  frame[15] = 0;
  frame.writeBigUInt64LE(identity.tableTag, 40);
  frame.writeUInt32LE(identity.schemaVersion, 48);
  frame.writeUInt32LE(identity.rows, 52);
  frame.write(identity.sourceId + batchId, frameHeaderBytes, 'latin1');
}

/** Gives a frame its place in the log and its checksum; the frame must not change afterwards. */
export function sealFrame(
  frame: Buffer,
  place: { readonly lsn: number; readonly previousLsn: number; readonly durableLsn: number },
): void {
  writeLsn(frame, 16, place.lsn);
  writeLsn(frame, 24, place.previousLsn);
  writeLsn(frame, 32, place.durableLsn);
  frame.writeUInt32LE(crc32(frame.subarray(checkedFrom)), 8);
}

function writeLsn(frame: Buffer, at: number, lsn: number): void {
  const high = Math.floor(lsn / 4_294_967_296);
  frame.writeUInt32LE(lsn - high * 4_294_967_296, at);
  frame.writeUInt32LE(high, at + 4);
}

/** The header of a whole frame at `at`, or the reason why there is none. The checksum is verified. */
export function readFrameHeader(bytes: Buffer, at: number): FrameHeader | { readonly broken: string } {
  const left = bytes.length - at;
  if (left < frameHeaderBytes) return { broken: `${left} bytes, a header needs ${frameHeaderBytes}` };
  if (bytes.readUInt32LE(at) !== frameMagic) return { broken: 'no frame begins here' };
  const length = bytes.readUInt32LE(at + 4);
  if (length < frameHeaderBytes || length > frameBytesMax || length % 8 !== 0) return { broken: `length ${length}` };
  if (length > left) return { broken: `${length} bytes long, ${left} are there` };
  if (crc32(bytes.subarray(at + checkedFrom, at + length)) !== bytes.readUInt32LE(at + 8))
    return { broken: 'checksum does not match' };
  return headerFields(bytes, at, length);
}

function headerFields(bytes: Buffer, at: number, length: number): FrameHeader | { readonly broken: string } {
  const kind = bytes[at + 12];
  if (kind !== frameKinds.batch && kind !== frameKinds.reservation && kind !== frameKinds.seal)
    return { broken: `unknown kind ${kind}` };
  const [sourceBytes, batchIdBytes] = [bytes[at + 13]!, bytes[at + 14]!];
  const payloadAt = frameHeaderBytes + Math.ceil((sourceBytes + batchIdBytes) / 8) * 8;
  if (payloadAt > length) return { broken: `ids of ${sourceBytes} and ${batchIdBytes} bytes in ${length} bytes` };
  const batchIdAt = at + frameHeaderBytes + sourceBytes;
  return {
    kind,
    bytes: length,
    lsn: Number(bytes.readBigUInt64LE(at + 16)),
    previousLsn: Number(bytes.readBigUInt64LE(at + 24)),
    durableLsn: Number(bytes.readBigUInt64LE(at + 32)),
    tableTag: bytes.readBigUInt64LE(at + 40),
    schemaVersion: bytes.readUInt32LE(at + 48),
    rows: bytes.readUInt32LE(at + 52),
    sourceId: bytes.toString('latin1', at + frameHeaderBytes, batchIdAt),
    batchId: batchIdBytes === 0 ? undefined : bytes.toString('latin1', batchIdAt, batchIdAt + batchIdBytes),
    payloadAt,
  };
}

export type DecodedFrame = FrameHeader & { readonly batch: Batch };

/** Checks and decodes one frame; the batch is made of views into `bytes`. `corrupt` when it does not hold together. */
export function decodeFrame(bytes: Uint8Array): DecodedFrame {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readFrameHeader(buffer, 0);
  if ('broken' in header) throw new HybridStoreError('corrupt', `frame: ${header.broken}`);
  return { ...header, batch: decodeBatch(buffer.subarray(header.payloadAt, header.bytes)) };
}

/** Frames that follow each other without a gap, as `/internal/fresh` sends them. */
export function* decodeFrames(bytes: Uint8Array): Generator<DecodedFrame> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < buffer.length; ) {
    const header = readFrameHeader(buffer, at);
    if ('broken' in header) throw new HybridStoreError('corrupt', `frame at byte ${at}: ${header.broken}`);
    yield { ...header, batch: decodeBatch(buffer.subarray(at + header.payloadAt, at + header.bytes)) };
    at += header.bytes;
  }
}
