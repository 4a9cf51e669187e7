import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Disk, groupFile, isErrno } from '@hybridstore/runtime';

/**
 * What is known of a log beside its segments, in the file `head`. A log that ends before `durableLsn` has lost frames that
 * were acknowledged, which no frame that is left could tell; frames up to `committedLsn` are in the tables, so damage among
 * them costs no row. Both may be behind what is true, and never ahead. It is written after a flush, with the maintenance and
 * at the end, not with each group: a second sync would halve what a node takes.
 *
 * Two slots of 72 bytes, little-endian, at 0 and 4096, written in turn; the good one with the higher number counts:
 *
 *   0 "HSHEAD01"  8 log id (16 bytes)  24 u64 number  32 u64 durable LSN  40 u64 committed LSN  48 u64 age
 *   56 u64 LSN below which files of batch ids are over   64 u32 CRC-32 of bytes 0 to 63   68 u32 0
 */
export type LogHead = {
  readonly durableLsn: number;
  readonly committedLsn: number;
  /** Milliseconds that processes have had this log open: a time that no clock that is set can move. */
  readonly ageMs: number;
  /** Files of batch ids from before this LSN have lived as long as promised. */
  readonly idsFromLsn: number;
};

export const headName = 'head';
const magic = 'HSHEAD01';
const slotBytes = 72;
const crcAt = 64;
const slotPositions = [0, 4_096] as const;

type Slot = LogHead & { readonly number: number };

export class LogHeadFile {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #logId: string;
  #last: Slot;

  private constructor(disk: Disk, folder: string, { logId, last }: { readonly logId: string; readonly last: Slot }) {
    this.#disk = disk;
    this.#path = join(folder, headName);
    this.#logId = logId;
    this.#last = last;
  }

  /** `isDamaged`: there is a file, and no good slot in it. */
  static async open(
    disk: Disk,
    folder: string,
    logId: string,
  ): Promise<{ readonly file: LogHeadFile; readonly head: LogHead | undefined; readonly isDamaged: boolean }> {
    const path = join(folder, headName);
    const isThere = (await disk.stat(path)) !== undefined;
    const bytes = isThere ? await disk.readFile(path) : Buffer.alloc(0);
    const newest = readSlots(bytes, logId).sort((one, other) => other.number - one.number)[0];
    const last = newest ?? { number: 0, durableLsn: 0, committedLsn: 0, ageMs: 0, idsFromLsn: 0 };
    const file = new LogHeadFile(disk, folder, { logId, last });
    return { file, head: newest, isDamaged: bytes.length > 0 && newest === undefined };
  }

  get last(): LogHead {
    return this.#last;
  }

  /** Faults of the file as it is now, beside a log that is open. Not while a write is under way. */
  async inspect(): Promise<{ readonly bytes: number; readonly faults: readonly string[] }> {
    try {
      const bytes = await this.#disk.readFile(this.#path);
      const faults = findHeadFaults(bytes, this.#logId);
      const number = Math.max(0, ...readSlots(bytes, this.#logId).map((slot) => slot.number));
      const isOlder = faults.length === 0 && number < this.#last.number;
      return { bytes: bytes.length, faults: isOlder ? ['is older than what was written last'] : faults };
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return { bytes: 0, faults: ['it is missing'] };
      if (isErrno(error, 'EIO')) return { bytes: 0, faults: ['it cannot be read (EIO)'] };
      throw error;
    }
  }

  /** Durable when it resolves. LSNs never go back. One call at a time. */
  async write(head: Omit<LogHead, 'idsFromLsn'> & { readonly idsFromLsn?: number }): Promise<void> {
    const next: Slot = {
      number: this.#last.number + 1,
      durableLsn: Math.max(this.#last.durableLsn, head.durableLsn),
      committedLsn: Math.max(this.#last.committedLsn, head.committedLsn),
      ageMs: Math.max(this.#last.ageMs, head.ageMs),
      idsFromLsn: Math.max(this.#last.idsFromLsn, head.idsFromLsn ?? 0),
    };
    const file = await this.#disk.open(this.#path, groupFile);
    try {
      await file.write(encodeSlot(next, this.#logId), slotPositions[next.number % 2]!);
      await file.datasync();
    } finally {
      await file.close();
    }
    if (next.number === 1) await this.#disk.syncFolder(dirname(this.#path));
    this.#last = next;
  }
}

/** A whole `head` that says this, in the place of one that is damaged. */
export function encodeHead(head: LogHead, logId: string): Buffer {
  const number = 1;
  const bytes = Buffer.alloc(slotPositions[1] + slotBytes);
  bytes.set(encodeSlot({ ...head, number }, logId), slotPositions[number]);
  return bytes;
}

/** Slots that do not hold what was written. From the second write on both have held something. */
export function findHeadFaults(bytes: Buffer, logId: string): readonly string[] {
  const slots = slotPositions.map((at) => decodeSlot(bytes.subarray(at, at + slotBytes), logId));
  const numbers = slots.flatMap((slot) => slot?.number ?? []);
  if (numbers.length === 0) return ['no good slot'];
  const isFirst = numbers[0] === 1 && bytes.subarray(0, slotBytes).every((byte) => byte === 0);
  return numbers.length === slots.length || isFirst ? [] : [`slot ${slots.indexOf(undefined)} is not what was written`];
}

function encodeSlot(slot: Slot, logId: string): Buffer {
  const bytes = Buffer.alloc(slotBytes);
  bytes.write(magic, 0, 'latin1');
  bytes.write(logId, 8, 'hex');
  const { number, durableLsn, committedLsn, ageMs, idsFromLsn } = slot;
  for (const [index, value] of [number, durableLsn, committedLsn, Math.floor(ageMs), idsFromLsn].entries())
    bytes.writeBigUInt64LE(BigInt(value), 24 + index * 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
}

function readSlots(bytes: Buffer, logId: string): Slot[] {
  return slotPositions.flatMap((at) => decodeSlot(bytes.subarray(at, at + slotBytes), logId) ?? []);
}

function decodeSlot(bytes: Buffer, logId: string): Slot | undefined {
  if (bytes.length < slotBytes || bytes.toString('latin1', 0, 8) !== magic) return undefined;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32LE(crcAt)) return undefined;
  if (bytes.toString('hex', 8, 24) !== logId) return undefined;
  const [number = 0, durableLsn = 0, committedLsn = 0, ageMs = 0, idsFromLsn = 0] = [24, 32, 40, 48, 56].map((at) =>
    Number(bytes.readBigUInt64LE(at)),
  );
  return { number, durableLsn, committedLsn, ageMs, idsFromLsn };
}
