import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  type Clock,
  type Disk,
  groupFile,
  groupFolder,
  HybridStoreError,
  isTemporaryName,
  type Logger,
  replaceFileDurably,
} from '@hybridstore/runtime';
import { BatchIds } from './batch-ids.ts';
import type { FrameHeader } from './frame.ts';
import { firstLsnOfName, readSegmentHeader, segmentHeaderBytes } from './log-segment.ts';
import { LogWriter, type LogWriterOptions } from './log-writer.ts';
import { readFrames, type ValidatedLog, validateLog } from './read-log.ts';
import type { SegmentSummary } from './segment-summary.ts';

/**
 * The log of one node: `log-id`, `lock` and segments in one folder. Opening it validates everything, cuts off a torn tail
 * and makes the last group durable; the rows that no table has committed yet are then read through `replay`, and only
 * after that `start` lets new rows in.
 */
export type LogOptions = Pick<LogWriterOptions, 'folder' | 'segmentBytesMax' | 'queueBytesMax' | 'onFailure'> & {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly batchIdsMax: number;
  readonly retentionHours: number;
  /** Committed segments beyond this are removed before their time, oldest first. */
  readonly logBytesMax: number;
};

const logIdBytes = 16;
const logIdPattern = /^[0-9a-f]{32}$/;

export class WriteAheadLog {
  readonly logId: string;
  readonly batchIds: BatchIds;
  readonly #options: LogOptions;
  readonly #validated: ValidatedLog;
  readonly #lock: { release(): void };
  #writer: LogWriter | undefined;

  private constructor(
    options: LogOptions,
    opened: {
      readonly logId: string;
      readonly batchIds: BatchIds;
      readonly validated: ValidatedLog;
      readonly lock: { release(): void };
    },
  ) {
    this.#options = options;
    this.logId = opened.logId;
    this.batchIds = opened.batchIds;
    this.#validated = opened.validated;
    this.#lock = opened.lock;
  }

  /** `conflict` when another process has the log open, `corrupt` when acknowledged frames are missing from it. */
  static async open(options: LogOptions): Promise<WriteAheadLog> {
    const { disk, folder } = options;
    await disk.createFolder(folder, groupFolder);
    const lock = await disk.lock(join(folder, 'lock'), groupFile);
    try {
      const logId = await readOrCreateLogId(disk, folder);
      const batchIds = new BatchIds(options.batchIdsMax);
      const validated = await validateLog(disk, folder, { logId, batchIds });
      await cutTornTail(disk, folder, validated, options.logger);
      await settleLastGroup(disk, validated);
      return new WriteAheadLog(options, { logId, batchIds, validated, lock });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Frames of earlier runs that `isWanted`, in order of LSN. Segments without a wanted table are not read again. */
  async replay(wanted: {
    readonly table: (table: string, lastLsn: number) => boolean;
    readonly frame: (frame: FrameHeader) => boolean;
    readonly apply: (header: FrameHeader, bytes: Buffer) => void;
  }): Promise<void> {
    for (const segment of this.#validated.segments) {
      if (![...segment.lastLsnOfTable].some(([table, lastLsn]) => wanted.table(table, lastLsn))) continue;
      for (const { header, bytes } of await readFrames(this.#options.disk, segment, wanted.frame))
        wanted.apply(header, bytes);
    }
  }

  /** Tables with rows in the log as it was opened, and the highest LSN of each. */
  get replayableTables(): ReadonlyMap<string, number> {
    return new Map(this.#validated.segments.flatMap((segment) => [...segment.lastLsnOfTable]));
  }

  /** `lsnTaken`: LSNs up to here are known from tables' commits, whatever the log says. */
  start(lsnTaken: number, around: Pick<LogWriterOptions, 'onGroup' | 'findGone'> = {}): LogWriter {
    const { lastLsn, reservedLsn, segments } = this.#validated;
    this.#writer = new LogWriter({
      ...this.#options,
      ...around,
      logId: this.logId,
      nextLsn: Math.max(lastLsn, reservedLsn, lsnTaken) + 1,
      lastLoggedLsn: lastLsn,
    });
    this.#writer.adopt(segments);
    return this.#writer;
  }

  get bytes(): number {
    return (this.#writer?.segments ?? []).reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Removes segments, oldest first, whose rows are all committed and that are past their time or beyond the bytes. */
  async removeOld(
    isCommitted: (table: string, lastLsn: number) => boolean,
    logBytesMax = this.#options.logBytesMax,
  ): Promise<number> {
    const writer = this.#writer;
    if (!writer) return 0;
    const oldestKeptMs = this.#options.clock.now() - this.#options.retentionHours * 3_600_000;
    const removed = new Set<string>();
    let bytes = this.bytes;
    for (const segment of writer.segments.slice(0, -1)) {
      const isOld = segment.writtenAtMs < oldestKeptMs || bytes > logBytesMax;
      if (!isOld || ![...segment.lastLsnOfTable].every(([table, lastLsn]) => isCommitted(table, lastLsn))) break;
      await this.#options.disk.remove(segment.path);
      // One by one: a crash that brings a younger one back without its elder neighbours would look like rot.
      await this.#options.disk.syncFolder(this.#options.folder);
      this.batchIds.forget(segment.batchKeys);
      removed.add(segment.path);
      bytes -= segment.bytes;
    }
    writer.forget(removed);
    return removed.size;
  }

  async close(): Promise<void> {
    await this.#writer?.close();
    this.#lock.release();
  }
}

async function readOrCreateLogId(disk: Disk, folder: string): Promise<string> {
  const path = join(folder, 'log-id');
  const names = await disk.list(folder);
  for (const name of names.filter(isTemporaryName)) await disk.remove(join(folder, name));
  if (names.includes('log-id')) {
    const logId = (await disk.readFile(path)).toString('utf8').trim();
    if (logIdPattern.test(logId)) return logId;
    throw new HybridStoreError('corrupt', `${path}: expected 32 hexadecimal digits`, { path });
  }
  const logId = (await logIdOfSegments(disk, folder, names)) ?? randomBytes(logIdBytes).toString('hex');
  await replaceFileDurably(disk, { path, bytes: Buffer.from(`${logId}\n`), mode: groupFile });
  return logId;
}

/** A lost `log-id` file is made again from a segment's header; a new id would count committed rows twice. */
async function logIdOfSegments(disk: Disk, folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names.filter((candidate) => firstLsnOfName(candidate) !== undefined)) {
    const header = readSegmentHeader(await disk.readRange(join(folder, name), 0, segmentHeaderBytes));
    if (!('broken' in header)) return header.logId;
  }
  return undefined;
}

/**
 * The last process may have died between the write of its last group and the sync, or because the sync failed: the frames
 * are read all the same, from memory that the kernel may never write out (after a failed sync it takes the pages for
 * clean). They are about to be shown, and acknowledged again to whoever repeats their batch id. So they are written once
 * more, which makes the pages dirty, and synced.
 */
async function settleLastGroup(disk: Disk, validated: ValidatedLog): Promise<void> {
  const last: SegmentSummary | undefined = validated.segments.at(-1);
  const from = validated.lastGroupAt;
  if (!last || last.bytes <= from) return;
  const group = await disk.readRange(last.path, from, last.bytes - from);
  const file = await disk.open(last.path, groupFile);
  try {
    await file.write(group, from);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Before anything is written, so that what was dropped once stays dropped. */
async function cutTornTail(disk: Disk, folder: string, validated: ValidatedLog, logger: Logger): Promise<void> {
  const last: SegmentSummary | undefined = validated.segments.at(-1);
  if (validated.tornAt === undefined || !last) return;
  logger.warn('log_torn_tail_dropped', { segment: last.path, at: validated.tornAt, lastLsn: validated.lastLsn });
  if (validated.tornAt < segmentHeaderBytes) {
    validated.segments.pop();
    await disk.remove(last.path);
    return disk.syncFolder(folder);
  }
  const file = await disk.open(last.path, groupFile);
  await file.truncate(validated.tornAt);
  await file.datasync();
  await file.close();
}
