import { basename, join } from 'node:path';
import type { Disk } from '@hybridstore/runtime';
import { HybridStoreError } from '@hybridstore/runtime';
import type { BatchIds } from './batch-ids.ts';
import { type FrameHeader, frameHeaderBytes, frameKinds, frameMagic, readFrameHeader } from './frame.ts';
import type { LogHead } from './log-head.ts';
import { firstLsnOfName, readSegmentHeader, segmentHeaderBytes } from './log-segment.ts';
import { batchKey, createSummary, type SegmentSummary, summarizeFrame, tableKey } from './segment-summary.ts';

/**
 * Reading a log after a start, in two phases. The first validates all of it and remembers only summaries; nothing is
 * applied from a log that turns out to be damaged. The second (`readFrames`) reads again the few segments that hold rows
 * no table has committed.
 *
 * Where the last segment stops making sense, the writer may simply have died: what follows was never acknowledged and is
 * dropped. But a frame further on that says "the log was durable up to n", with n beyond the last good frame, proves that
 * acknowledged frames are missing, and so does a `head` that knows a higher durable LSN: that is rot.
 *
 *   head: committed 7, durable 9
 *   1 2 3 ✗ 6 7 8 9      4 and 5 are lost, and in the tables: passed over, by name
 *   1 2 3 4 5 6 7 ✗ 9    8 is lost, and in no table that the head knows of: refused
 *   1 2 3 4 5 6 7 8      9 was acknowledged and is not here, though every frame is good: refused
 */
export type ValidatedLog = {
  readonly segments: SegmentSummary[];
  readonly lastLsn: number;
  /** LSNs up to here may have been given to rows that are not in the log. */
  readonly reservedLsn: number;
  /** Where the last segment's good frames end, when something follows them. */
  readonly tornAt: number | undefined;
  /** Where the last group begins in the last segment: no frame says that it was durable. */
  readonly lastGroupAt: number;
  readonly damages: readonly LogDamage[];
};

/** Frames that are lost. Every one of them is in a table. */
export type LogDamage = {
  /** Name of the file. */
  readonly segment: string;
  readonly afterLsn: number;
  readonly untilLsn: number;
  readonly broken: string;
};

type Gap = { readonly path: string; readonly afterLsn: number; readonly broken: string };

type Progress = {
  lastLsn: number;
  reservedLsn: number;
  isFirstFrame: boolean;
  /** Of the newest group: what its frames say was durable, and where it begins in its segment. */
  durableLsn: number;
  groupAt: number;
  /** Where frames are missing that the next good one may prove to be committed. */
  gap: Gap | undefined;
  readonly damages: LogDamage[];
};

type Expected = { readonly logId: string; readonly batchIds: BatchIds; readonly head: LogHead | undefined };

export async function validateLog(disk: Disk, folder: string, expected: Expected): Promise<ValidatedLog> {
  const names = (await disk.list(folder)).filter((name) => firstLsnOfName(name) !== undefined);
  const progress: Progress = {
    lastLsn: 0,
    reservedLsn: 0,
    isFirstFrame: true,
    durableLsn: -1,
    groupAt: 0,
    gap: undefined,
    damages: [],
  };
  const segments: SegmentSummary[] = [];
  let tornAt: number | undefined;
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const read = await validateSegment(disk, join(folder, name), { ...expected, isLast, progress });
    segments.push(read.summary);
    tornAt = read.tornAt;
  }
  requireDurable(segments.at(-1), folder, { head: expected.head, progress });
  const { lastLsn, reservedLsn, groupAt, damages } = progress;
  return { segments, lastLsn, reservedLsn, tornAt, lastGroupAt: groupAt, damages };
}

/**
 * A log that was cut between two frames looks whole; only the head knows that it went on. What was damaged before the last
 * segment was durable up to where that one begins. A whole log may be an empty segment: all before it was committed, and
 * removed for room.
 */
function requireDurable(
  last: SegmentSummary | undefined,
  folder: string,
  { head, progress }: { readonly head: LogHead | undefined; readonly progress: Progress },
): void {
  if (!head) return;
  const { lastLsn, gap } = progress;
  const beforeLast = (last?.firstLsn ?? 1) - 1;
  const isBeforeLast = gap !== undefined && gap.path !== last?.path;
  const durableLsn = Math.max(head.durableLsn, isBeforeLast ? beforeLast : 0);
  const isRemovedBefore = gap === undefined && beforeLast <= head.committedLsn;
  if (durableLsn <= Math.max(lastLsn, isRemovedBefore ? beforeLast : 0)) return;
  const path = gap?.path ?? last?.path ?? folder;
  const broken = gap?.broken ?? 'the log ends here';
  if (durableLsn > head.committedLsn) throw corruptLog(path, lastLsn, `${broken}, and LSN ${durableLsn} was durable`);
  progress.damages.push({ segment: basename(path), afterLsn: lastLsn, untilLsn: durableLsn, broken });
  progress.reservedLsn = Math.max(progress.reservedLsn, durableLsn);
}

type SegmentContext = Expected & { readonly isLast: boolean; readonly progress: Progress };

async function validateSegment(
  disk: Disk,
  path: string,
  context: SegmentContext,
): Promise<{ readonly summary: SegmentSummary; readonly tornAt: number | undefined }> {
  const { progress } = context;
  const bytes = await disk.readFile(path);
  const summary = createSummary(path, firstLsnOfName(path.slice(-24)) ?? 0);
  summary.writtenAtMs = (await disk.stat(path))?.modifiedAtMs ?? 0;
  const header = readSegmentHeader(bytes);
  if ('broken' in header) return dropOrPassOver(bytes, { at: 0, path, broken: header.broken, summary, context });
  if (header.logId !== context.logId)
    throw corruptLog(path, progress.lastLsn, `belongs to log ${header.logId}, expected ${context.logId}`);
  if (header.firstLsn !== summary.firstLsn)
    throw corruptLog(path, progress.lastLsn, `is the segment from LSN ${header.firstLsn} under another name`);
  // A segment is opened after everything before it was synced; its name counts even when older segments are gone.
  progress.reservedLsn = Math.max(progress.reservedLsn, header.firstLsn - 1);
  let at = segmentHeaderBytes;
  // A segment begins after everything before it was synced.
  Object.assign(progress, { durableLsn: -1, groupAt: at });
  while (at < bytes.length) {
    const frame = readNextFrame(bytes, at, context);
    if ('broken' in frame) {
      const next = findCommittedGapEnd(bytes, at, context);
      if (next === undefined) return dropOrPassOver(bytes, { at, path, broken: frame.broken, summary, context });
      progress.gap = { path, afterLsn: progress.lastLsn, broken: `byte ${at}: ${frame.broken}` };
      summary.gaps.push({ from: at, to: next });
      at = next;
      continue;
    }
    if (frame.durableLsn !== progress.durableLsn)
      Object.assign(progress, { durableLsn: frame.durableLsn, groupAt: at });
    acceptFrame(frame, bytes.subarray(at, at + frame.bytes), summary, context);
    at += frame.bytes;
  }
  summary.bytes = at;
  return { summary, tornAt: undefined };
}

/** A frame that also stands in the right place: after the one it names as its predecessor, or after a gap of committed ones. */
function readNextFrame(
  bytes: Buffer,
  at: number,
  { progress, head }: SegmentContext,
): FrameHeader | { readonly broken: string } {
  const frame = readFrameHeader(bytes, at);
  if ('broken' in frame) return frame;
  if (frame.lsn <= progress.lastLsn) return { broken: `LSN ${frame.lsn} after ${progress.lastLsn}` };
  const isMissing = frame.previousLsn !== progress.lastLsn;
  // Older segments go once they are committed; before there was a head, nothing said how far that was.
  if (progress.isFirstFrame ? head && frame.previousLsn > head.committedLsn : isMissing && !progress.gap)
    return { broken: `LSN ${frame.lsn} follows ${frame.previousLsn}, which is missing` };
  if (progress.gap && isMissing && frame.previousLsn > (head?.committedLsn ?? 0))
    throw corruptLog(
      progress.gap.path,
      progress.gap.afterLsn,
      `${progress.gap.broken}, and LSN ${frame.previousLsn} was durable`,
    );
  return frame;
}

function acceptFrame(frame: FrameHeader, bytes: Buffer, summary: SegmentSummary, context: SegmentContext): void {
  const { progress } = context;
  closeGap(frame, progress);
  progress.lastLsn = frame.lsn;
  progress.isFirstFrame = false;
  if (frame.kind === frameKinds.reservation)
    progress.reservedLsn = Math.max(progress.reservedLsn, Number(bytes.readBigUInt64LE(frame.payloadAt)));
  const table = frame.kind === frameKinds.batch ? tableKey(frame.sourceId, frame.tableTag) : undefined;
  const batch = table !== undefined && frame.batchId !== undefined ? batchKey(table, frame.batchId) : undefined;
  summarizeFrame(summary, frame, { table, batch });
  if (batch !== undefined) context.batchIds.remember(batch, { lsn: frame.lsn, accepted: frame.rows, durable: true });
}

function closeGap(frame: FrameHeader, progress: Progress): void {
  const { gap } = progress;
  if (!gap) return;
  const { afterLsn, broken } = gap;
  progress.damages.push({ segment: basename(gap.path), afterLsn, untilLsn: frame.previousLsn, broken });
  progress.gap = undefined;
}

/**
 * Where the frames go on after damage, when all between are known to be committed: where the damaged frame says that it
 * ends, if a frame begins there, else wherever one does.
 */
function findCommittedGapEnd(bytes: Buffer, at: number, { progress, head }: SegmentContext): number | undefined {
  const committedLsn = head?.committedLsn ?? 0;
  const isNext = (position: number) => {
    const frame = readFrameHeader(bytes, position);
    return !('broken' in frame) && frame.lsn > progress.lastLsn && frame.previousLsn >= progress.lastLsn
      ? frame.previousLsn <= committedLsn
      : undefined;
  };
  const announced = at + (at + frameHeaderBytes <= bytes.length ? bytes.readUInt32LE(at + 4) : 0);
  if (announced > at && announced < bytes.length && announced % 8 === 0 && isNext(announced)) return announced;
  for (let position = at + 8; position + frameHeaderBytes <= bytes.length; position += 8) {
    if (bytes.readUInt32LE(position) !== frameMagic) continue;
    const verdict = isNext(position);
    if (verdict !== undefined) return verdict ? position : undefined;
  }
  return undefined;
}

/** The rest of a segment is no frames. At the end of the log it is a torn tail, unless something proves that it was durable. */
function dropOrPassOver(
  bytes: Buffer,
  found: {
    readonly at: number;
    readonly path: string;
    readonly broken: string;
    readonly summary: SegmentSummary;
    readonly context: SegmentContext;
  },
): { readonly summary: SegmentSummary; readonly tornAt: number | undefined } {
  const { at, path, context, summary } = found;
  const { progress, head } = context;
  const { lastLsn } = progress;
  const broken = `byte ${at}: ${found.broken}`;
  summary.bytes = at;
  const later = findFrameProvingRot(bytes, at, Math.max(lastLsn, summary.firstLsn - 1));
  if (context.isLast && later)
    throw corruptLog(
      path,
      lastLsn,
      `${broken}, and LSN ${later.lsn} further on says that LSN ${later.durableLsn} was durable`,
    );
  if (!context.isLast && !head) throw corruptLog(path, lastLsn, broken);
  progress.gap = { path, afterLsn: lastLsn, broken };
  if (context.isLast) return { summary, tornAt: at };
  // The next segment's first frame says what was lost.
  summary.bytes = bytes.length;
  summary.gaps.push({ from: Math.max(at, segmentHeaderBytes), to: bytes.length });
  return { summary, tornAt: undefined };
}

function findFrameProvingRot(bytes: Buffer, from: number, lastLsn: number): FrameHeader | undefined {
  for (let at = from; at < bytes.length; at += 8) {
    const frame = readFrameHeader(bytes, at);
    if (!('broken' in frame) && frame.durableLsn > lastLsn) return frame;
  }
  return undefined;
}

function corruptLog(path: string, lastLsn: number, what: string): HybridStoreError {
  return new HybridStoreError('corrupt', `log segment ${path}, after LSN ${lastLsn}: ${what}`, {
    segment: path,
    after_lsn: lastLsn,
  });
}

/** Row frames of a validated segment that `isWanted`, in order. Each frame's bytes are a copy of their own. */
export async function readFrames(
  disk: Disk,
  segment: SegmentSummary,
  isWanted: (frame: FrameHeader) => boolean,
): Promise<{ readonly header: FrameHeader; readonly bytes: Buffer }[]> {
  const bytes = await disk.readRange(segment.path, 0, segment.bytes);
  const frames: { header: FrameHeader; bytes: Buffer }[] = [];
  for (let at = segmentHeaderBytes; at < bytes.length; ) {
    const gap = segment.gaps.find(({ from }) => from === at);
    if (gap) {
      at = gap.to;
      continue;
    }
    const header = readFrameHeader(bytes, at);
    if ('broken' in header) throw corruptLog(segment.path, 0, `byte ${at}: ${header.broken}, it was good a moment ago`);
    if (header.kind === frameKinds.batch && isWanted(header))
      frames.push({ header, bytes: Buffer.from(bytes.subarray(at, at + header.bytes)) });
    at += header.bytes;
  }
  return frames;
}
