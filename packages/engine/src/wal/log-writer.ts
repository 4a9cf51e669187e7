import { join } from 'node:path';
import {
  type Clock,
  type Disk,
  type DiskFile,
  groupFile,
  HybridStoreError,
  isDiskFull,
  type Logger,
  retryLater,
} from '@hybridstore/runtime';
import { frameKinds, framePrefixBytes, sealFrame, writeFrameHeader } from './frame.ts';
import { encodeSegmentHeader, segmentHeaderBytes, segmentName } from './log-segment.ts';
import { createSummary, type SegmentSummary, sourceIdOfKey, summarizeFrame } from './segment-summary.ts';

/**
 * Group commit. Frames queue up while one write and one fdatasync are under way; then all that wait are written together,
 * synced once, and acknowledged together, in order. LSNs are given out when a group is formed, so a group that could not
 * be written (a full disk) leaves no gap and no trace: the file is cut back to where it was durable.
 *
 * After a failed fdatasync nothing is known about the file any more (the kernel may have dropped the dirty pages and
 * report success at the next call), so the log never acknowledges again; the process must end and replay.
 *
 * A source may be deleted, and made anew, by another node. So while a group is written, `findGone` looks whether each
 * source that it is for is still the one it was encoded for; frames of one that is gone are refused. They stand in the log
 * then, under a table tag that no table has: a replay passes over them.
 *
 * Frames of sources without a log pass through the same queue, so that LSNs are acknowledged in order, but are not
 * written. Since their LSNs must not be given out again after a crash, a reservation is logged ahead of them.
 */
export type LogEntry = {
  readonly frame: Buffer;
  readonly isLogged: boolean;
  readonly table: string;
  readonly batchKey: string | undefined;
  readonly rows: number;
  /** Called in the order of LSNs, when the frame is as durable as it gets; must not throw. */
  readonly acknowledge: (lsn: number) => void;
  readonly refuse: (error: HybridStoreError) => void;
};

export type LogWriterOptions = {
  readonly folder: string;
  readonly logId: string;
  readonly nextLsn: number;
  readonly lastLoggedLsn: number;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly segmentBytesMax: number;
  readonly queueBytesMax: number;
  /** Which of these tables are no more, looked up after the call. Must not throw. */
  readonly findGone?: ((tables: ReadonlySet<string>) => Promise<ReadonlySet<string>>) | undefined;
  /** The log cannot be trusted any more: nothing will be acknowledged, the process should end. */
  readonly onFailure: (error: Error) => void;
  /** A segment is full. */
  readonly onSealed?: (() => void) | undefined;
  readonly onGroup?:
    | ((group: { readonly frames: number; readonly bytes: number; readonly seconds: number }) => void)
    | undefined;
};

const groupBytesMax = 16 * 1024 * 1024;
const reservedLsnsAtOnce = 65_536;
const fullDiskRetryMs = 1_000;
const queueRetryMs = 100;

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #sealed: SegmentSummary[] = [];
  #queue: LogEntry[] = [];
  #queueBytes = 0;
  #running: Promise<void> | undefined;
  #active: { readonly file: DiskFile; readonly summary: SegmentSummary } | undefined;
  #nextLsn: number;
  #lastLoggedLsn: number;
  #reservedLsn: number;
  #failure: Error | undefined;
  #isClosed = false;
  #acknowledgedLsn: number;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#acknowledgedLsn = options.nextLsn - 1;
    this.#nextLsn = options.nextLsn;
    this.#lastLoggedLsn = options.lastLoggedLsn;
    this.#reservedLsn = options.nextLsn - 1;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** LSN of the last frame that is in the log and durable. */
  get lastLoggedLsn(): number {
    return this.#lastLoggedLsn;
  }

  /** Frames up to here have been acknowledged, or refused. */
  get acknowledgedLsn(): number {
    return this.#acknowledgedLsn;
  }

  /** The LSN that is given out next. */
  get nextLsn(): number {
    return this.#nextLsn;
  }

  /** Full, and never written to again. */
  get sealed(): readonly SegmentSummary[] {
    return this.#sealed;
  }

  /** The one being written; its bytes are durable, up to `lastLoggedLsn`. */
  get active(): SegmentSummary | undefined {
    return this.#active?.summary;
  }

  /** Segments that are full, oldest first, then the one being written. */
  get segments(): readonly SegmentSummary[] {
    return this.#active ? [...this.#sealed, this.#active.summary] : this.#sealed;
  }

  /** Segments of earlier runs, oldest first. */
  adopt(segments: readonly SegmentSummary[]): void {
    this.#sealed.push(...segments);
  }

  /** Forgets sealed segments whose files the caller has removed. */
  forget(paths: ReadonlySet<string>): void {
    const kept = this.#sealed.filter((segment) => !paths.has(segment.path));
    this.#sealed.length = 0;
    this.#sealed.push(...kept);
  }

  /** `overloaded` when the queue is full, `unavailable` after a failure; else the entry is acknowledged or refused later. */
  enqueue(entry: LogEntry): void {
    if (this.#failure || this.#isClosed) throw logFailed(this.#failure);
    if (this.#queueBytes + entry.frame.length > this.#options.queueBytesMax && this.#queue.length > 0)
      throw retryLater('overloaded', `the log has ${this.#queueBytes} bytes waiting to be written`, queueRetryMs);
    this.#queue.push(entry);
    this.#queueBytes += entry.frame.length;
    this.#running ??= this.#run();
  }

  /** The segment being written is full from now on, unless it is empty. Fails, with nothing changed, where there is no room. */
  async seal(): Promise<void> {
    while (this.#running) await this.#running;
    if (this.#failure || this.#isClosed || !this.#active || this.#active.summary.lastLsn === 0) return;
    const rotation = this.#rotate();
    this.#running = rotation
      .then(
        () => {},
        () => {},
      )
      .then(() => {
        this.#running = this.#queue.length > 0 ? this.#run() : undefined;
      });
    await rotation;
  }

  /** Writes out the queue, then a last frame that vouches for all before it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    while (this.#running) await this.#running;
    this.#isClosed = true;
    if (this.#active && !this.#failure && this.#active.summary.lastLsn > 0) await this.#writeSeal();
    await this.#active?.file.close();
  }

  async #run(): Promise<void> {
    // One turn of the event loop: requests that arrived together share the first group too.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        if (this.#failure) throw this.#failure;
        await this.#commit(group);
      } catch (error) {
        const refusal = this.#refusal(error);
        for (const entry of group) entry.refuse(refusal);
      }
    }
    this.#running = undefined;
  }

  #takeGroup(): LogEntry[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && (count === 0 || bytes + this.#queue[count]!.frame.length <= groupBytesMax)) {
      bytes += this.#queue[count]!.frame.length;
      count += 1;
    }
    const group = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.#queueBytes -= bytes;
    return group;
  }

  async #commit(group: readonly LogEntry[]): Promise<void> {
    const placed = this.#place(group);
    const looking = this.#options.findGone?.(new Set(group.map((entry) => entry.table)));
    if (placed.frames.length > 0) await this.#writeGroup(placed);
    this.#nextLsn = placed.nextLsn;
    this.#reservedLsn = Math.max(this.#reservedLsn, placed.reservedLsn);
    const gone = await looking;
    for (const [index, entry] of group.entries()) {
      const lsn = placed.lsns[index]!;
      if (!entry.isLogged && entry.batchKey !== undefined) this.#active?.summary.batchKeys.push(entry.batchKey);
      if (entry.isLogged && this.#active)
        summarizeFrame(this.#active.summary, { lsn, rows: entry.rows }, { table: entry.table, batch: entry.batchKey });
      if (gone?.has(entry.table)) entry.refuse(tableGone(entry.table));
      else entry.acknowledge(lsn);
    }
    // The group may end with a reservation, which is nobody's entry.
    if (this.#active) this.#active.summary.lastLsn = placed.lastLoggedLsn;
    this.#acknowledgedLsn = placed.nextLsn - 1;
  }

  /** LSNs and checksums for a group; nothing of the writer changes before the group is durable. */
  #place(group: readonly LogEntry[]): PlacedGroup {
    const placed: PlacedGroup = {
      frames: [],
      lsns: [],
      nextLsn: this.#nextLsn,
      lastLoggedLsn: this.#lastLoggedLsn,
      reservedLsn: this.#reservedLsn,
    };
    const unlogged = group.filter((entry) => !entry.isLogged).length;
    if (unlogged > 0 && this.#nextLsn + group.length > this.#reservedLsn) this.#placeReservation(placed, group.length);
    for (const entry of group) {
      placed.lsns.push(placed.nextLsn);
      if (entry.isLogged) this.#placeFrame(placed, entry.frame);
      else {
        sealFrame(entry.frame, this.#nextPlace(placed));
        placed.nextLsn += 1;
      }
    }
    return placed;
  }

  #nextPlace(placed: PlacedGroup): { readonly lsn: number; readonly previousLsn: number; readonly durableLsn: number } {
    return { lsn: placed.nextLsn, previousLsn: placed.lastLoggedLsn, durableLsn: this.#lastLoggedLsn };
  }

  #placeFrame(placed: PlacedGroup, frame: Buffer): void {
    sealFrame(frame, this.#nextPlace(placed));
    placed.frames.push(frame);
    placed.lastLoggedLsn = placed.nextLsn;
    placed.nextLsn += 1;
  }

  #placeReservation(placed: PlacedGroup, groupSize: number): void {
    const upTo = placed.nextLsn + groupSize + reservedLsnsAtOnce;
    const frame = markerFrame(frameKinds.reservation, 8);
    frame.writeBigUInt64LE(BigInt(upTo), framePrefixBytes('', undefined));
    placed.reservedLsn = upTo;
    this.#placeFrame(placed, frame);
  }

  async #writeGroup(placed: PlacedGroup): Promise<void> {
    const active = await this.#activeSegment();
    const bytes = placed.frames.length === 1 ? placed.frames[0]! : Buffer.concat(placed.frames);
    const startMs = this.#options.clock.monotonicMs();
    try {
      await active.file.write(bytes, active.summary.bytes);
    } catch (error) {
      await this.#cutBack(active, error);
      throw error;
    }
    await this.#sync(active.file);
    // Together: whoever looks finds a position that the file had.
    active.summary.bytes += bytes.length;
    this.#lastLoggedLsn = placed.lastLoggedLsn;
    active.summary.writtenAtMs = this.#options.clock.now();
    this.#options.onGroup?.({
      frames: placed.frames.length,
      bytes: bytes.length,
      seconds: (this.#options.clock.monotonicMs() - startMs) / 1_000,
    });
  }

  /** Refused frames must not come back at a replay, so a half-written group is cut off, durably, or the log has failed. */
  async #cutBack(active: { readonly file: DiskFile; readonly summary: SegmentSummary }, cause: unknown): Promise<void> {
    if (!isDiskFull(cause)) throw this.#fail(cause);
    try {
      await active.file.truncate(active.summary.bytes);
    } catch (error) {
      throw this.#fail(error);
    }
    await this.#sync(active.file);
  }

  async #sync(file: DiskFile): Promise<void> {
    try {
      await file.datasync();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #fail(cause: unknown): HybridStoreError {
    if (!this.#failure) {
      this.#failure = cause instanceof Error ? cause : new Error(String(cause));
      this.#options.logger.error('log_failed', { error: this.#failure, folder: this.#options.folder });
      this.#options.onFailure(this.#failure);
    }
    return logFailed(this.#failure);
  }

  #refusal(error: unknown): HybridStoreError {
    if (isDiskFull(error)) {
      this.#options.logger.warn('log_disk_full', { folder: this.#options.folder });
      return new HybridStoreError(
        'storage_full',
        'the log volume is full; nothing of this batch was kept',
        { retry_after_ms: fullDiskRetryMs },
        { cause: error },
      );
    }
    return error instanceof HybridStoreError ? error : this.#fail(error);
  }

  async #activeSegment(): Promise<{ readonly file: DiskFile; readonly summary: SegmentSummary }> {
    if (this.#active && this.#active.summary.bytes < this.#options.segmentBytesMax) return this.#active;
    return this.#rotate();
  }

  async #rotate(): Promise<{ readonly file: DiskFile; readonly summary: SegmentSummary }> {
    // An earlier run may have ended with this very segment still empty: it is written anew, and what is listed is not.
    this.forget(new Set([this.#nextPath()]));
    const next = await this.#createSegment();
    const full = this.#active;
    // At once: no segment is listed twice.
    if (full) this.#sealed.push(full.summary);
    this.#active = next;
    await full?.file.close();
    if (full) this.#options.onSealed?.();
    return next;
  }

  #nextPath(): string {
    return join(this.#options.folder, segmentName(this.#nextLsn));
  }

  /** The header and the name are durable before the first frame; a segment that could not be finished is taken away. */
  async #createSegment(): Promise<{ readonly file: DiskFile; readonly summary: SegmentSummary }> {
    const { disk, logId } = this.#options;
    const summary = createSummary(this.#nextPath(), this.#nextLsn);
    const file = await disk.open(summary.path, groupFile);
    try {
      await file.truncate(0);
      await file.write(encodeSegmentHeader(logId, this.#nextLsn), 0);
    } catch (error) {
      await file.close();
      await disk.remove(summary.path);
      throw error;
    }
    await this.#sync(file);
    await this.#syncFolder();
    summary.bytes = segmentHeaderBytes;
    return { file, summary };
  }

  async #syncFolder(): Promise<void> {
    try {
      await this.#options.disk.syncFolder(this.#options.folder);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #writeSeal(): Promise<void> {
    const active = this.#active!;
    const frame = markerFrame(frameKinds.seal, 0);
    sealFrame(frame, {
      lsn: this.#nextLsn,
      previousLsn: this.#lastLoggedLsn,
      durableLsn: this.#lastLoggedLsn,
    });
    try {
      await active.file.write(frame, active.summary.bytes);
      await active.file.datasync();
    } catch (error) {
      // Everything acknowledged is durable without the seal; only later rot in the last group would go unnoticed.
      this.#options.logger.warn('log_seal_failed', { error });
    }
  }
}

type PlacedGroup = {
  readonly frames: Buffer[];
  readonly lsns: number[];
  nextLsn: number;
  lastLoggedLsn: number;
  reservedLsn: number;
};

function markerFrame(kind: typeof frameKinds.reservation | typeof frameKinds.seal, payloadBytes: number): Buffer {
  const frame = Buffer.alloc(framePrefixBytes('', undefined) + payloadBytes);
  writeFrameHeader(frame, { kind, sourceId: '', tableTag: 0n, schemaVersion: 0, rows: 0 });
  return frame;
}

function tableGone(table: string): HybridStoreError {
  return new HybridStoreError('not_found', `source ${sourceIdOfKey(table)} was deleted`, {
    source_id: sourceIdOfKey(table),
  });
}

function logFailed(cause: Error | undefined): HybridStoreError {
  return new HybridStoreError(
    'unavailable',
    cause ? 'the log has failed; the node restarts and replays it' : 'the log is closed',
    { retry_after_ms: 1_000 },
    { cause },
  );
}
