import { join } from 'node:path';
import type { Disk } from '@hybridstore/runtime';
import { HybridStoreError } from '@hybridstore/runtime';
import type { BatchIds } from './batch-ids.ts';
import { type FrameHeader, frameKinds, readFrameHeader } from './frame.ts';
import { firstLsnOfName, readSegmentHeader, segmentHeaderBytes } from './log-segment.ts';
import { batchKey, createSummary, type SegmentSummary, summarizeFrame, tableKey } from './segment-summary.ts';

/**
 * Reading a log after a start, in two phases. The first validates all of it and remembers only summaries; nothing is
 * applied from a log that turns out to be damaged. The second (`readFrames`) reads again the few segments that hold rows
 * no table has committed.
 *
 * Where the last segment stops making sense, the writer may simply have died: what follows was never acknowledged and is
 * dropped. But a frame further on that says "the log was durable up to n", with n beyond the last good frame, proves that
 * acknowledged frames are missing: that is rot, and it is refused, as is anything bad in an earlier segment.
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
};

type Progress = {
  lastLsn: number;
  reservedLsn: number;
  isFirstFrame: boolean;
  /** Of the newest group: what its frames say was durable, and where it begins in its segment. */
  durableLsn: number;
  groupAt: number;
};

export async function validateLog(
  disk: Disk,
  folder: string,
  expected: { readonly logId: string; readonly batchIds: BatchIds },
): Promise<ValidatedLog> {
  const names = (await disk.list(folder)).filter((name) => firstLsnOfName(name) !== undefined);
  const progress: Progress = { lastLsn: 0, reservedLsn: 0, isFirstFrame: true, durableLsn: -1, groupAt: 0 };
  const segments: SegmentSummary[] = [];
  let tornAt: number | undefined;
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const read = await validateSegment(disk, join(folder, name), { ...expected, isLast, progress });
    segments.push(read.summary);
    tornAt = read.tornAt;
  }
  const { lastLsn, reservedLsn, groupAt } = progress;
  return { segments, lastLsn, reservedLsn, tornAt, lastGroupAt: groupAt };
}

type SegmentContext = {
  readonly logId: string;
  readonly batchIds: BatchIds;
  readonly isLast: boolean;
  readonly progress: Progress;
};

async function validateSegment(
  disk: Disk,
  path: string,
  context: SegmentContext,
): Promise<{ readonly summary: SegmentSummary; readonly tornAt: number | undefined }> {
  const bytes = await disk.readFile(path);
  const summary = createSummary(path, firstLsnOfName(path.slice(-24)) ?? 0);
  summary.writtenAtMs = (await disk.stat(path))?.modifiedAtMs ?? 0;
  const header = readSegmentHeader(bytes);
  if ('broken' in header) return dropOrRefuse(bytes, { at: 0, path, broken: header.broken, summary, context });
  if (header.logId !== context.logId)
    throw corruptLog(path, context.progress.lastLsn, `belongs to log ${header.logId}, expected ${context.logId}`);
  // A segment is opened after everything before it was synced; its name counts even when older segments are gone.
  context.progress.reservedLsn = Math.max(context.progress.reservedLsn, header.firstLsn - 1);
  let at = segmentHeaderBytes;
  // A segment begins after everything before it was synced.
  Object.assign(context.progress, { durableLsn: -1, groupAt: at });
  while (at < bytes.length) {
    const frame = readNextFrame(bytes, at, context.progress);
    if ('broken' in frame) return dropOrRefuse(bytes, { at, path, broken: frame.broken, summary, context });
    if (frame.durableLsn !== context.progress.durableLsn)
      Object.assign(context.progress, { durableLsn: frame.durableLsn, groupAt: at });
    acceptFrame(frame, bytes.subarray(at, at + frame.bytes), summary, context);
    at += frame.bytes;
  }
  summary.bytes = at;
  return { summary, tornAt: undefined };
}

/** A frame that also stands in the right place: after the one it names as its predecessor. */
function readNextFrame(bytes: Buffer, at: number, progress: Progress): FrameHeader | { readonly broken: string } {
  const frame = readFrameHeader(bytes, at);
  if ('broken' in frame) return frame;
  if (frame.lsn <= progress.lastLsn) return { broken: `LSN ${frame.lsn} after ${progress.lastLsn}` };
  // Older segments may have been deleted, so the predecessor of the very first frame is not known.
  if (!progress.isFirstFrame && frame.previousLsn !== progress.lastLsn)
    return { broken: `LSN ${frame.lsn} follows ${frame.previousLsn}, which is missing` };
  return frame;
}

function acceptFrame(frame: FrameHeader, bytes: Buffer, summary: SegmentSummary, context: SegmentContext): void {
  const { progress } = context;
  progress.lastLsn = frame.lsn;
  progress.isFirstFrame = false;
  if (frame.kind === frameKinds.reservation)
    progress.reservedLsn = Math.max(progress.reservedLsn, Number(bytes.readBigUInt64LE(frame.payloadAt)));
  const table = frame.kind === frameKinds.batch ? tableKey(frame.sourceId, frame.tableTag) : undefined;
  const batch = table !== undefined && frame.batchId !== undefined ? batchKey(table, frame.batchId) : undefined;
  summarizeFrame(summary, frame, { table, batch });
  if (batch !== undefined) context.batchIds.remember(batch, { lsn: frame.lsn, accepted: frame.rows, durable: true });
}

function dropOrRefuse(
  bytes: Buffer,
  found: {
    readonly at: number;
    readonly path: string;
    readonly broken: string;
    readonly summary: SegmentSummary;
    readonly context: SegmentContext;
  },
): { readonly summary: SegmentSummary; readonly tornAt: number } {
  const { at, path, context, summary } = found;
  const { lastLsn } = context.progress;
  if (!context.isLast) throw corruptLog(path, lastLsn, `byte ${at}: ${found.broken}`);
  const later = findFrameProvingRot(bytes, at, Math.max(lastLsn, summary.firstLsn - 1));
  if (later)
    throw corruptLog(
      path,
      lastLsn,
      `byte ${at}: ${found.broken}, and LSN ${later.lsn} further on says that LSN ${later.durableLsn} was durable`,
    );
  summary.bytes = at;
  return { summary, tornAt: at };
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
    const header = readFrameHeader(bytes, at);
    if ('broken' in header) throw corruptLog(segment.path, 0, `byte ${at}: ${header.broken}, it was good a moment ago`);
    if (header.kind === frameKinds.batch && isWanted(header))
      frames.push({ header, bytes: Buffer.from(bytes.subarray(at, at + header.bytes)) });
    at += header.bytes;
  }
  return frames;
}
