import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import {
  assert,
  type Clock,
  type Disk,
  groupFile,
  groupFolder,
  HybridStoreError,
  isDiskFull,
  isTemporaryName,
  type Logger,
  replaceFileDurably,
} from '@hybridstore/runtime';
import type { LogCheck } from '../ports.ts';
import { BatchIds } from './batch-ids.ts';
import { checkLiveLog, type LogLook } from './check-log.ts';
import type { FrameHeader } from './frame.ts';
import { decodeIdFile, firstLsnOfIdFile, idFileName, writeIdFile } from './id-file.ts';
import { LogHeadFile } from './log-head.ts';
import { firstLsnOfName, readSegmentHeader, segmentHeaderBytes } from './log-segment.ts';
import { LogWriter, type LogWriterOptions } from './log-writer.ts';
import { type LogDamage, readFrames, type ValidatedLog, validateLog } from './read-log.ts';
import type { SegmentSummary } from './segment-summary.ts';

/**
 * The log of one node: `log-id`, `lock`, `head`, segments and their batch ids in one folder. Opening it validates
 * everything, cuts off a torn tail and makes the last group durable; the rows that no table has committed yet are then read
 * through `replay`, and only after that `start` lets new rows in.
 */
export type LogOptions = Pick<LogWriterOptions, 'folder' | 'segmentBytesMax' | 'queueBytesMax' | 'onFailure'> & {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly batchIdsMax: number;
  /** How long a batch id is remembered, at the least. */
  readonly batchIdRetentionHours: number;
  readonly retentionHours: number;
  /** Committed segments beyond this are removed before their time, oldest first. */
  readonly logBytesMax: number;
};

/** What the log must know of the tables while it runs. */
export type LogUse = Pick<LogWriterOptions, 'onGroup' | 'findGone'> & {
  /** Every row of this log up to here is in its table. */
  readonly committedLsn: () => number;
};

type IsCommitted = (table: string, lastLsn: number) => boolean;

const logIdBytes = 16;
const logIdPattern = /^[0-9a-f]{32}$/;
const hourMs = 3_600_000;
/** So that a full volume has segments to give back: the one being written is an eighth of it. */
const segmentsOfVolume = 8;
const segmentBytesMin = 64 * 1024;
/** Given back when the volume is full, so that what makes room has some itself: a segment's header, a file of ids. */
const reserveName = 'reserve';
const reserveBytes = 64 * 1024;
/** Where files go that are damaged: never deleted. */
export const damagedFolder = 'damaged';
const sameNamesMax = 100;

type Opened = {
  readonly logId: string;
  readonly head: LogHeadFile;
  readonly batchIds: BatchIds;
  readonly validated: ValidatedLog;
  readonly lock: { release(): void };
  readonly segmentBytesMax: number;
  readonly ageMs: () => number;
  /** First LSNs of the segments whose ids are in a file, and how many ids each has. */
  readonly idFiles: Map<number, number>;
};

export class WriteAheadLog {
  readonly logId: string;
  readonly batchIds: BatchIds;
  readonly #options: LogOptions;
  readonly #opened: Opened;
  #writer: LogWriter | undefined;
  #committedLsn: () => number = () => 0;
  /** Segments that are still there, and whose ids have lived as long as promised. */
  readonly #expired = new Set<number>();
  /** Maintenance and heads, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: LogOptions, opened: Opened) {
    this.#options = options;
    this.logId = opened.logId;
    this.batchIds = opened.batchIds;
    this.#opened = opened;
  }

  /** `conflict` when another process has the log open, `corrupt` when acknowledged frames are missing that no table has. */
  static async open(options: LogOptions): Promise<WriteAheadLog> {
    const { disk, folder, logger, clock } = options;
    await disk.createFolder(folder, groupFolder);
    const lock = await disk.lock(join(folder, 'lock'), groupFile);
    try {
      const logId = await readOrCreateLogId(disk, folder);
      const { file: head, head: known, isDamaged } = await LogHeadFile.open(disk, folder, logId);
      if (isDamaged) logger.error('log_head_damaged', { folder });
      const startedMs = clock.monotonicMs();
      const ages = await readIdFiles(disk, folder, logId);
      const baseMs = Math.max(
        known?.ageMs ?? 0,
        ...ages.flatMap(({ content }) => ('broken' in content ? [] : [content.ageMs])),
      );
      const ageMs = () => baseMs + clock.monotonicMs() - startedMs;
      const batchIds = new BatchIds({
        entriesMax: options.batchIdsMax,
        retentionMs: options.batchIdRetentionHours * hourMs,
        ageMs,
      });
      const validated = await validateLog(disk, folder, { logId, batchIds, head: known });
      for (const damage of validated.damages) logger.error('log_damaged', damage);
      const idFiles = await adoptIdFiles(ages, validated, {
        batchIds,
        disk,
        folder,
        logger,
        idsFromLsn: known?.idsFromLsn ?? 0,
      });
      await cutTornTail(disk, folder, validated, logger);
      await settleLastGroup(disk, validated);
      await head.write({ durableLsn: validated.lastLsn, committedLsn: 0, ageMs: ageMs() });
      const { bytes } = await disk.volume(folder);
      const segmentBytesMax = Math.min(
        options.segmentBytesMax,
        Math.max(segmentBytesMin, Math.floor(bytes / segmentsOfVolume)),
      );
      const log = new WriteAheadLog(options, {
        logId,
        head,
        batchIds,
        validated,
        lock,
        segmentBytesMax,
        ageMs,
        idFiles,
      });
      await log.#keepReserve();
      return log;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Lost frames, all of them committed, of segments that are still there. */
  get damages(): readonly LogDamage[] {
    const { damages } = this.#opened.validated;
    if (!this.#writer || damages.length === 0) return damages;
    const present = new Set(this.#writer.segments.map(({ path }) => basename(path)));
    return damages.filter(({ segment }) => present.has(segment));
  }

  /** Frames of earlier runs that `isWanted`, in order of LSN. Segments without a wanted table are not read again. */
  async replay(wanted: {
    readonly table: (table: string, lastLsn: number) => boolean;
    readonly frame: (frame: FrameHeader) => boolean;
    readonly apply: (header: FrameHeader, bytes: Buffer) => void;
  }): Promise<void> {
    for (const segment of this.#opened.validated.segments) {
      if (![...segment.lastLsnOfTable].some(([table, lastLsn]) => wanted.table(table, lastLsn))) continue;
      for (const { header, bytes } of await readFrames(this.#options.disk, segment, wanted.frame))
        wanted.apply(header, bytes);
    }
  }

  /** Tables with rows in the log as it was opened, and the highest LSN of each. */
  get replayableTables(): ReadonlyMap<string, number> {
    return new Map(this.#opened.validated.segments.flatMap((segment) => [...segment.lastLsnOfTable]));
  }

  /** `lsnTaken`: LSNs up to here are known from tables' commits, whatever the log says. */
  start(lsnTaken: number, use: Partial<LogUse> = {}): LogWriter {
    const { validated, segmentBytesMax } = this.#opened;
    const { lastLsn, reservedLsn, segments } = validated;
    const { committedLsn, ...around } = use;
    if (committedLsn) this.#committedLsn = committedLsn;
    this.#writer = new LogWriter({
      ...this.#options,
      ...around,
      segmentBytesMax,
      onSealed: () => {
        this.#inTurn(() => this.#keepIds()).catch((error: unknown) =>
          this.#options.logger.warn('batch_ids_not_kept', { error }),
        );
      },
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

  /** Reads what is durable by now and changes nothing, while the log is written to. Only once it was started. */
  check(look: LogLook): Promise<LogCheck> {
    const { disk, folder } = this.#options;
    const { logId, head, idFiles } = this.#opened;
    const writer = this.#writer;
    assert(writer !== undefined, 'the log was started');
    return checkLiveLog(
      {
        disk,
        folder,
        logId,
        head,
        damages: () => this.damages,
        position: () => ({
          sealed: [...writer.sealed],
          active: writer.active,
          durableLsn: writer.lastLoggedLsn,
          nextLsn: writer.nextLsn,
        }),
        idFiles: () => [...idFiles.keys()],
        committedLsn: () => this.#committedLsn(),
        inTurn: (work) => this.#inTurn(work),
      },
      look,
    );
  }

  /** To be called after a commit: what is committed by then is known to the next start, whatever happens to the segments. */
  noteCommitted(): Promise<void> {
    return this.#inTurn(() => this.#writeHead());
  }

  /** Removes segments, oldest first, whose rows are all committed and that are past their time or beyond the bytes. */
  removeOld(isCommitted: IsCommitted): Promise<number> {
    return this.#inTurn(async () => {
      await this.#expireIds();
      const removed = await this.#removeSegments(isCommitted, this.#options.logBytesMax);
      await this.#writeHead();
      await this.#keepReserve();
      return removed;
    });
  }

  /** The volume is full: everything that is committed goes, the segment being written too. */
  makeRoom(isCommitted: IsCommitted): Promise<number> {
    return this.#inTurn(async () => {
      const { disk, folder } = this.#options;
      await disk.remove(join(folder, reserveName));
      let removed = await this.#removeSegments(isCommitted, 0);
      const active = this.#writer?.segments.at(-1);
      if (active && isAllCommitted(active, isCommitted)) {
        await this.#writer?.seal();
        removed += await this.#removeSegments(isCommitted, 0);
      }
      await this.#keepReserve();
      return removed;
    });
  }

  async close(): Promise<void> {
    await this.#writer?.close();
    if (this.#writer && !this.#writer.failure)
      await this.#inTurn(() => this.#writeLast()).catch((error: unknown) =>
        this.#options.logger.warn('log_end_not_written', { error }),
      );
    this.#opened.lock.release();
  }

  async #writeLast(): Promise<void> {
    await this.#writeHead();
    await this.#keepIds(this.#writer?.segments);
  }

  async #removeSegments(isCommitted: IsCommitted, logBytesMax: number): Promise<number> {
    const writer = this.#writer;
    if (!writer) return 0;
    const { clock, retentionHours, disk, folder } = this.#options;
    await this.#keepIds();
    const oldestKeptMs = clock.now() - retentionHours * hourMs;
    const removed = new Set<string>();
    let bytes = this.bytes;
    try {
      for (const [segment, next] of pairs(writer.segments)) {
        const isOld = segment.writtenAtMs < oldestKeptMs || bytes > logBytesMax;
        if (!isOld || !isAllCommitted(segment, isCommitted)) break;
        // A later start must not take the frames that are gone for lost ones, nor rows between that never were in the log.
        if (next.firstLsn - 1 > this.#opened.head.last.committedLsn) await this.#writeHead(next.firstLsn - 1);
        await disk.remove(segment.path);
        // One by one: a crash that brings a younger one back without its elder neighbours would look like rot.
        if (segment.batchKeys.length === 0 || this.#expired.delete(segment.firstLsn))
          await this.#removeIdFile(segment.firstLsn);
        await disk.syncFolder(folder);
        removed.add(segment.path);
        bytes -= segment.bytes;
      }
    } finally {
      // What is gone is listed no more, also when the next one could not be removed: a check would miss it.
      writer.forget(removed);
    }
    return removed.size;
  }

  /** The ids of a full segment live on without it. A file without ids says that a damaged segment had none. */
  async #keepIds(segments: readonly SegmentSummary[] = this.#writer?.segments.slice(0, -1) ?? []): Promise<void> {
    const { idFiles, logId, ageMs } = this.#opened;
    for (const { firstLsn, lastLsn, batchKeys: keys } of segments) {
      if (idFiles.has(firstLsn)) continue;
      const batches = keys.flatMap((key) => {
        const applied = this.batchIds.get(key);
        return applied && applied.lsn <= lastLsn ? [[key, applied] as const] : [];
      });
      const { disk, folder } = this.#options;
      const previousLsn = Math.max(0, ...[...idFiles].flatMap(([lsn, ids]) => (ids > 0 ? [lsn] : [])));
      await writeIdFile(disk, folder, logId, { firstLsn, lastLsn, ageMs: ageMs(), previousLsn, batches });
      idFiles.set(firstLsn, batches.length);
      this.batchIds.close({ firstLsn, lastLsn, ageMs: ageMs(), keys });
    }
  }

  async #expireIds(): Promise<void> {
    const { disk, folder } = this.#options;
    const { generations, files } = this.batchIds.expire();
    // A later start must not miss the files that go.
    if (generations.length > 0) await this.#writeHead(0, Math.max(...generations) + 1);
    const present = new Set(this.#writer?.segments.map(({ firstLsn }) => firstLsn));
    for (const firstLsn of generations) {
      // While the segment is there, a start finds its ids again, and learns from the file how old they are.
      if (present.has(firstLsn)) this.#expired.add(firstLsn);
      else await this.#removeIdFile(firstLsn);
    }
    const names = new Set(files.length > 0 ? await disk.list(folder) : []);
    for (const file of files)
      if (firstLsnOfIdFile(file) !== undefined && names.has(file)) await quarantine(disk, folder, file);
  }

  async #removeIdFile(firstLsn: number): Promise<void> {
    const { disk, folder } = this.#options;
    await disk.remove(join(folder, idFileName(firstLsn)));
    this.#opened.idFiles.delete(firstLsn);
  }

  async #writeHead(committedLsn = 0, idsFromLsn = 0): Promise<void> {
    const { head, ageMs } = this.#opened;
    const durableLsn = this.#writer?.lastLoggedLsn ?? 0;
    const known = Math.max(committedLsn, this.#committedLsn());
    await head.write({ durableLsn, committedLsn: known, ageMs: ageMs(), idsFromLsn });
  }

  async #keepReserve(): Promise<void> {
    const { disk, folder, logger } = this.#options;
    const path = join(folder, reserveName);
    if (((await disk.stat(path))?.bytes ?? 0) >= reserveBytes) return;
    try {
      const file = await disk.open(path, groupFile);
      try {
        await file.write(Buffer.alloc(reserveBytes), 0);
      } finally {
        await file.close();
      }
    } catch (error) {
      // There is no room for it now; the next maintenance tries again.
      if (!isDiskFull(error)) throw error;
      await disk.remove(path);
      logger.warn('log_reserve_missing', { folder });
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

/** All but the last segment, each with the one after it. */
function pairs(segments: readonly SegmentSummary[]): (readonly [segment: SegmentSummary, next: SegmentSummary])[] {
  return segments.slice(1).flatMap((next, index) => {
    const segment = segments[index];
    return segment ? [[segment, next] as const] : [];
  });
}

function isAllCommitted(segment: SegmentSummary, isCommitted: IsCommitted): boolean {
  return [...segment.lastLsnOfTable].every(([table, lastLsn]) => isCommitted(table, lastLsn));
}

type FoundIdFile = {
  readonly name: string;
  readonly firstLsn: number;
  readonly content: ReturnType<typeof decodeIdFile>;
};

async function readIdFiles(disk: Disk, folder: string, logId: string): Promise<FoundIdFile[]> {
  const found: FoundIdFile[] = [];
  for (const name of await disk.list(folder)) {
    const firstLsn = firstLsnOfIdFile(name);
    if (firstLsn === undefined) continue;
    const content = decodeIdFile(await disk.readFile(join(folder, name)), logId);
    const isUnderItsName = 'broken' in content || content.firstLsn === firstLsn;
    found.push({ name, firstLsn, content: isUnderItsName ? content : { broken: 'is another file under this name' } });
  }
  return found;
}

/**
 * Ids come from the segments that are there, and from the files of those that are not. Where one of the two is damaged the
 * other has them; where both are, nobody knows which ids were applied, and no batch with an id is taken until they are over.
 */
async function adoptIdFiles(
  found: readonly FoundIdFile[],
  validated: ValidatedLog,
  context: { batchIds: BatchIds; disk: Disk; folder: string; logger: Logger; idsFromLsn: number },
): Promise<Map<number, number>> {
  const { batchIds, disk, folder, logger, idsFromLsn } = context;
  const damagedSegments = new Set(validated.damages.map(({ segment }) => segment));
  const whole = new Set(
    validated.segments.flatMap(({ path, firstLsn }) => (damagedSegments.has(basename(path)) ? [] : [firstLsn])),
  );
  const adopted = new Map<number, number>();
  const expected = new Set<number>();
  for (const { name, firstLsn, content } of found) {
    if ('broken' in content) {
      logger.error('batch_ids_damaged', { file: name, broken: content.broken });
      if (whole.has(firstLsn)) await quarantine(disk, folder, name);
      else batchIds.noteUnreadable(name);
      continue;
    }
    const { lastLsn, ageMs, previousLsn, batches } = content;
    for (const [key, applied] of batches)
      if ((batchIds.get(key)?.lsn ?? 0) < applied.lsn) batchIds.remember(key, applied);
    const inSegment = validated.segments.find((segment) => segment.firstLsn === firstLsn)?.batchKeys ?? [];
    batchIds.close({ firstLsn, lastLsn, ageMs, keys: [...batches.map(([key]) => key), ...inSegment] });
    adopted.set(firstLsn, batches.length);
    if (previousLsn >= Math.max(1, idsFromLsn)) expected.add(previousLsn);
  }
  for (const segment of damagedSegments)
    if (!adopted.has(firstLsnOfName(segment) ?? -1)) batchIds.noteUnreadable(segment);
  for (const firstLsn of expected)
    if (!adopted.has(firstLsn) && !whole.has(firstLsn)) batchIds.noteUnreadable(idFileName(firstLsn));
  return adopted;
}

/** Takes a damaged file of a log away from where it is read; it is kept. Its name in `damaged/`. */
export async function quarantine(disk: Disk, folder: string, name: string): Promise<string> {
  await disk.createFolder(join(folder, damagedFolder), groupFolder);
  const kept = await freeName(disk, folder, name);
  await disk.rename(join(folder, name), join(folder, damagedFolder, kept));
  await disk.syncFolder(join(folder, damagedFolder));
  await disk.syncFolder(folder);
  return kept;
}

/** A copy of it in `damaged/`. */
export async function copyDamaged(disk: Disk, folder: string, name: string): Promise<void> {
  await disk.createFolder(join(folder, damagedFolder), groupFolder);
  const bytes = await disk.readFile(join(folder, name));
  const path = join(folder, damagedFolder, await freeName(disk, folder, name));
  await replaceFileDurably(disk, { path, bytes, mode: groupFile });
}

/** What was put there before stays. */
async function freeName(disk: Disk, folder: string, name: string): Promise<string> {
  const taken = new Set(await disk.list(join(folder, damagedFolder)));
  const names = Array.from({ length: sameNamesMax }, (_, index) => (index === 0 ? name : `${name}.${index}`));
  const free = names.find((candidate) => !taken.has(candidate));
  if (free !== undefined) return free;
  throw new HybridStoreError('conflict', `${damagedFolder}/ holds ${sameNamesMax} files called ${name}`, { name });
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
  // What is cut may be more than a torn tail.
  if (validated.damages.some(({ segment }) => segment === basename(last.path)))
    await copyDamaged(disk, folder, basename(last.path));
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
