import { basename, join } from 'node:path';
import { type Disk, isErrno } from '@hybridstore/runtime';
import type { LogCheck, LogProblem } from '../ports.ts';
import { type FrameHeader, frameBytesMax, frameHeaderBytes, frameMagic, readFrameHeader } from './frame.ts';
import { decodeIdFile, firstLsnOfIdFile, idFileName } from './id-file.ts';
import { headName, type LogHeadFile } from './log-head.ts';
import { firstLsnOfName, readSegmentHeader, segmentHeaderBytes, segmentName } from './log-segment.ts';
import type { LogDamage } from './read-log.ts';
import type { SegmentSummary } from './segment-summary.ts';

/**
 * A look at every durable byte of a log while its node writes it. What may be judged is what cannot change any more:
 *
 *   sealed segments        whole; one that is removed meanwhile is no damage, and was not read
 *   the one being written  up to where it was durable when the look began
 *   head, batch ids        in the turn in which they are written, so never half of one
 *   log-id                 never written after a start
 *
 * Since the node knows how its segments end and follow each other, this also finds what a start would only see by its head:
 * frames that are gone at the end. Left out: frames written since the look began, `lock`, `reserve`, and what lies in
 * `damaged/` and `spool/`.
 */
export type LiveLog = {
  readonly disk: Disk;
  readonly folder: string;
  readonly logId: string;
  readonly head: LogHeadFile;
  /** Lost frames that the node passed over at its start. */
  readonly damages: () => readonly LogDamage[];
  /** Of one moment: the segments, oldest first, the last frame that is durable, and the LSN that is given out next. */
  readonly position: () => LogPosition;
  /** First LSNs of the files of batch ids that are there between two turns. */
  readonly idFiles: () => readonly number[];
  /** Every row up to here is in its table. */
  readonly committedLsn: () => number;
  /** Runs `work` while nothing but segments is written, and no file is removed. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
};

export type LogPosition = {
  readonly sealed: readonly SegmentSummary[];
  readonly active: SegmentSummary | undefined;
  readonly durableLsn: number;
  readonly nextLsn: number;
};

export type LogLook = {
  /** Called after each read; rejects to end the look. */
  readonly pace: (bytes: number) => Promise<void>;
  /** What there is to read, as far as it is known before. */
  readonly onTotal: (bytes: number) => void;
};

/** A segment as it was when the look began; `summary` is the one that the writer holds. */
type DurableSegment = {
  readonly summary: SegmentSummary;
  readonly bytes: number;
  /** Of its last durable frame, if it has any. */
  readonly lastLsn: number;
};

/** `reason` is a fault of one place, `afterLsn` to `untilLsn` the frames that nobody could read there. */
type Fault = { readonly reason: string; readonly afterLsn: number; readonly untilLsn: number };
type Seen = { readonly problems: readonly LogProblem[]; readonly files: number; readonly bytes: number };

const pieceBytes = 1024 * 1024;
/** Of one segment; the rest of it is not read then, and taken for lost. */
const faultsMax = 3;

export async function checkLiveLog(log: LiveLog, look: LogLook): Promise<LogCheck> {
  const { sealed, active, durableLsn } = log.position();
  const segments = sealed.map((summary) => ({ summary, bytes: summary.bytes, lastLsn: summary.lastLsn }));
  if (active) segments.push({ summary: active, bytes: active.bytes, lastLsn: durableLsn });
  look.onTotal(segments.reduce((sum, { bytes }) => sum + bytes, 0));
  const seen = [
    await checkSegments(log, segments, look),
    await checkStrangers(log),
    await checkIdFiles(log, look),
    await checkHead(log),
    await checkLogId(log),
  ];
  return {
    files: seen.reduce((sum, { files }) => sum + files, 0),
    bytes: seen.reduce((sum, { bytes }) => sum + bytes, 0),
    problems: seen.flatMap(({ problems }) => problems),
  };
}

async function checkSegments(log: LiveLog, segments: readonly DurableSegment[], look: LogLook): Promise<Seen> {
  const problems: LogProblem[] = [];
  let [files, bytes] = [0, 0];
  let previousLsn: number | undefined;
  for (const segment of segments) {
    const name = basename(segment.summary.path);
    const known = log.damages().filter((damage) => damage.segment === name);
    const faults = await readSegment(log, segment, { previousLsn, isKnown: known.length > 0, pace: look.pace });
    previousLsn = lastLsnAfter(segment, previousLsn);
    // Only what is still there was damaged; what was removed meanwhile was committed.
    if (!(await isHeld(log, segment))) continue;
    files += 1;
    bytes += segment.bytes;
    const lost = [...known.map(faultOf), ...faults].toSorted((one, other) => one.afterLsn - other.afterLsn);
    if (lost.length > 0) problems.push(segmentProblem(name, lost, log.committedLsn()));
  }
  return { problems, files, bytes };
}

function isHeld(log: LiveLog, { summary }: DurableSegment): Promise<boolean> {
  return log.inTurn(async () => {
    const { sealed, active } = log.position();
    return active === summary || sealed.includes(summary);
  });
}

/** What the next segment's first frame names as its predecessor; undefined when nobody knows. */
function lastLsnAfter({ summary, bytes, lastLsn }: DurableSegment, before: number | undefined): number | undefined {
  if (bytes <= segmentHeaderBytes) return before;
  return summary.gaps.some(({ to }) => to >= bytes) ? undefined : lastLsn;
}

function faultOf({ broken, afterLsn, untilLsn }: LogDamage): Fault {
  return { reason: broken, afterLsn, untilLsn };
}

function segmentProblem(name: string, faults: readonly Fault[], committedLsn: number): LogProblem {
  const afterLsn = Math.min(...faults.map((fault) => fault.afterLsn));
  const untilLsn = Math.max(...faults.map((fault) => fault.untilLsn));
  const reason = faults.map((fault) => fault.reason).join('; ');
  return { kind: 'segment', name, reason, isSpare: untilLsn <= committedLsn, lost: { afterLsn, untilLsn } };
}

type SegmentContext = {
  /** Of the frame before the segment. */
  readonly previousLsn: number | undefined;
  readonly isKnown: boolean;
  readonly pace: LogLook['pace'];
};

/** Faults of a segment that are not among those that the start passed over. */
async function readSegment(log: LiveLog, segment: DurableSegment, context: SegmentContext): Promise<readonly Fault[]> {
  const whole = { afterLsn: context.previousLsn ?? segment.summary.firstLsn - 1, untilLsn: segment.lastLsn };
  try {
    const reader = new PacedReader(log.disk, segment, context.pace);
    const broken = await findHeaderFault(log, segment, reader);
    const isKnown = context.isKnown && segment.summary.gaps.some(({ from }) => from === segmentHeaderBytes);
    if (broken !== undefined && !isKnown) return [{ reason: broken, ...whole }];
    return await readSegmentFrames(segment, reader, context.previousLsn);
  } catch (error) {
    const reason = describeReadFailure(error);
    if (reason === undefined) throw error;
    return [{ reason, ...whole }];
  }
}

async function findHeaderFault(
  { logId }: LiveLog,
  { summary }: DurableSegment,
  reader: PacedReader,
): Promise<string | undefined> {
  const header = readSegmentHeader(await reader.at(0, segmentHeaderBytes));
  if ('broken' in header) return header.broken;
  if (header.logId !== logId) return `belongs to log ${header.logId}`;
  return header.firstLsn === summary.firstLsn ? undefined : `is the segment from LSN ${header.firstLsn}`;
}

async function readSegmentFrames(
  { summary, bytes, lastLsn }: DurableSegment,
  reader: PacedReader,
  previousLsn: number | undefined,
): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  let previous = previousLsn;
  for (let at = segmentHeaderBytes; at < bytes; ) {
    const gap = summary.gaps.find(({ from }) => from === at);
    if (gap) {
      at = gap.to;
      previous = undefined;
      continue;
    }
    const frame = await readFrameAt(reader, at, previous);
    if (!('broken' in frame)) {
      previous = frame.lsn;
      at += frame.bytes;
      continue;
    }
    const reason = `byte ${at}: ${frame.broken}`;
    const afterLsn = previous ?? summary.firstLsn - 1;
    const next = faults.length + 1 < faultsMax ? await findAnnounced(reader, at, afterLsn) : undefined;
    faults.push({ reason, afterLsn, untilLsn: next?.frame.previousLsn ?? lastLsn });
    if (!next) return faults;
    previous = next.frame.previousLsn;
    at = next.at;
  }
  if (bytes <= segmentHeaderBytes || previous === undefined || previous === lastLsn) return faults;
  const reason = `ends with LSN ${previous}, expected ${lastLsn}`;
  return [...faults, { reason, afterLsn: previous, untilLsn: lastLsn }];
}

/** A frame that also follows the one before it. */
async function readFrameAt(
  reader: PacedReader,
  at: number,
  previous: number | undefined,
): Promise<FrameHeader | { readonly broken: string }> {
  const start = await reader.at(at, frameHeaderBytes);
  const frame = readFrameHeader(await reader.at(at, announcedBytes(start)), 0);
  if ('broken' in frame || previous === undefined || frame.previousLsn === previous) return frame;
  return { broken: `LSN ${frame.lsn} follows ${frame.previousLsn}, expected ${previous}` };
}

/** What a frame says of its own length, as far as that can be one. */
function announcedBytes(start: Buffer): number {
  if (start.length < frameHeaderBytes || start.readUInt32LE(0) !== frameMagic) return frameHeaderBytes;
  const length = start.readUInt32LE(4);
  return length >= frameHeaderBytes && length <= frameBytesMax ? length : frameHeaderBytes;
}

/**
 * Where the frames go on after a damaged one, if that is where it says that it ends. Nowhere else is looked: rows may hold
 * what looks like frames, and a search among them would hold up the node.
 */
async function findAnnounced(
  reader: PacedReader,
  at: number,
  afterLsn: number,
): Promise<{ readonly at: number; readonly frame: FrameHeader } | undefined> {
  const start = await reader.at(at, frameHeaderBytes);
  if (start.length < frameHeaderBytes) return undefined;
  const next = at + start.readUInt32LE(4);
  if (next <= at || next >= reader.bytes) return undefined;
  const frame = await readFrameAt(reader, next, undefined);
  return 'broken' in frame || frame.previousLsn <= afterLsn ? undefined : { at: next, frame };
}

/** Reads a file from its front in pieces, as far as it is durable. One piece, or one frame where that is larger, is in memory. */
class PacedReader {
  readonly bytes: number;
  readonly #disk: Disk;
  readonly #path: string;
  readonly #pace: LogLook['pace'];
  #window: Buffer = Buffer.alloc(0);
  #from = 0;

  constructor(disk: Disk, { summary, bytes }: DurableSegment, pace: LogLook['pace']) {
    this.#disk = disk;
    this.#path = summary.path;
    this.bytes = bytes;
    this.#pace = pace;
  }

  /** Fewer bytes where the file ends before. */
  async at(position: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.bytes - position);
    const start = position - this.#from;
    if (start >= 0 && start + wanted <= this.#window.length) return this.#window.subarray(start, start + wanted);
    const piece = Math.min(Math.max(wanted, pieceBytes), this.bytes - position);
    this.#window = await this.#disk.readRange(this.#path, position, piece);
    this.#from = position;
    await this.#pace(this.#window.length);
    return this.#window.subarray(0, wanted);
  }
}

/** What a read fails with because of the file; undefined for any other failure. */
function describeReadFailure(error: unknown): string | undefined {
  if (isErrno(error, 'ENOENT')) return 'it is missing';
  return isErrno(error, 'EIO') ? 'it cannot be read (EIO)' : undefined;
}

/** Segments that the node does not know: a copy that somebody put there, which the next start would take for one of its own. */
async function checkStrangers(log: LiveLog): Promise<Seen> {
  const found = await log.inTurn(async () => {
    const strangers = await listStrangers(log);
    // A segment comes into being under the LSN that is given out next. Once that is another, none of its name does any more.
    return strangers.length === 0 ? [] : (await listStrangers(log)).filter((name) => strangers.includes(name));
  });
  const problems = found.map((name): LogProblem => {
    return { kind: 'segment', name, reason: 'is no segment that this node has written or taken over', isSpare: false };
  });
  return { problems, files: found.length, bytes: 0 };
}

async function listStrangers({ disk, folder, position }: LiveLog): Promise<readonly string[]> {
  const names = (await disk.list(folder)).filter((name) => firstLsnOfName(name) !== undefined);
  const { sealed, active, nextLsn } = position();
  const known = new Set([...sealed, ...(active ? [active] : [])].map(({ path }) => basename(path)));
  return names.filter((name) => !known.has(name) && name !== segmentName(nextLsn));
}

async function checkIdFiles(log: LiveLog, { pace }: LogLook): Promise<Seen> {
  const present = await log.inTurn(() => log.disk.list(log.folder));
  const listed = present.flatMap((name) => firstLsnOfIdFile(name) ?? []);
  const problems: LogProblem[] = [];
  let [files, bytes] = [0, 0];
  for (const firstLsn of new Set([...listed, ...log.idFiles()])) {
    const seen = await log.inTurn(() => readIdFile(log, firstLsn));
    if (seen === undefined) continue;
    files += 1;
    bytes += seen.bytes;
    if (seen.broken !== undefined) problems.push(idsProblem(log, firstLsn, seen.broken));
    await pace(seen.bytes);
  }
  return { problems, files, bytes };
}

/** Undefined for one that was removed in its time. */
async function readIdFile(
  { disk, folder, logId, idFiles }: LiveLog,
  firstLsn: number,
): Promise<{ readonly bytes: number; readonly broken?: string } | undefined> {
  try {
    const bytes = await disk.readFile(join(folder, idFileName(firstLsn)));
    const content = decodeIdFile(bytes, logId);
    if ('broken' in content) return { bytes: bytes.length, broken: content.broken };
    if (content.firstLsn !== firstLsn) return { bytes: bytes.length, broken: 'is another file under this name' };
    return { bytes: bytes.length };
  } catch (error) {
    const broken = describeReadFailure(error);
    if (broken === undefined) throw error;
    return isErrno(error, 'ENOENT') && !idFiles().includes(firstLsn) ? undefined : { bytes: 0, broken };
  }
}

function idsProblem(log: LiveLog, firstLsn: number, reason: string): LogProblem {
  const isSpare = log.position().sealed.some((segment) => segment.firstLsn === firstLsn);
  return { kind: 'ids', name: idFileName(firstLsn), reason, isSpare };
}

async function checkHead(log: LiveLog): Promise<Seen> {
  const { bytes, faults } = await log.inTurn(() => log.head.inspect());
  const problems = faults.map((reason): LogProblem => ({ kind: 'head', name: headName, reason, isSpare: true }));
  return { problems, files: 1, bytes };
}

async function checkLogId({ disk, folder, logId }: LiveLog): Promise<Seen> {
  const name = 'log-id';
  const seen = (bytes: number, reason?: string, isSpare = false): Seen => {
    return { problems: reason === undefined ? [] : [{ kind: 'log-id', name, reason, isSpare }], files: 1, bytes };
  };
  try {
    const bytes = await disk.readFile(join(folder, name));
    const isSame = bytes.toString('latin1').replace(/\n$/, '') === logId;
    return seen(bytes.length, isSame ? undefined : 'is not the id that the segments have');
  } catch (error) {
    const reason = describeReadFailure(error);
    if (reason === undefined) throw error;
    // A start makes a missing one again from the segments.
    return seen(0, reason, isErrno(error, 'ENOENT'));
  }
}
