import { basename, join } from 'node:path';
import { type Disk, isHybridStoreError } from '@hybridstore/runtime';
import { BatchIds } from './batch-ids.ts';
import { frameHeaderBytes, frameMagic, readFrameHeader } from './frame.ts';
import { decodeIdFile, firstLsnOfIdFile } from './id-file.ts';
import { findHeadFaults, headName, type LogHead, LogHeadFile } from './log-head.ts';
import { firstLsnOfName, readSegmentHeader, segmentHeaderBytes } from './log-segment.ts';
import { type LogDamage, validateLog } from './read-log.ts';

/** What one file of a log holds. `faults` are bytes that are not what was written. */
export type InspectedFile = {
  readonly name: string;
  readonly kind: 'segment' | 'ids' | 'head' | 'log-id';
  readonly bytes: number;
  /** Of a segment: its good frames and their LSNs. */
  readonly frames?: { readonly count: number; readonly firstLsn: number; readonly lastLsn: number };
  readonly faults: readonly string[];
};

export type LogInspection = {
  readonly logId: string | undefined;
  readonly head: LogHead | undefined;
  readonly files: readonly InspectedFile[];
  /** What all segments say and `log-id` does not, so that it is the one that is wrong, or missing. */
  readonly logIdOfSegments: string | undefined;
  /** Why a node would not start on it; undefined when it would. */
  readonly refusal: string | undefined;
  /** Lost frames that are all in their tables: a node passes over them. */
  readonly damages: readonly LogDamage[];
  /** The last segment, when it ends in what was never acknowledged: a node was killed, and the next one cuts it off. */
  readonly torn: string | undefined;
  /** The last LSN that a node would find. */
  readonly lastLsn: number;
};

const logIdPattern = /^[0-9a-f]{32}\n?$/;

/**
 * Reads everything of one log and changes nothing. Faults of a file that no reader needs any more (a torn tail, committed
 * frames) are named too: `refusal` alone says whether a node starts.
 */
export async function inspectLog(disk: Disk, folder: string): Promise<LogInspection> {
  const names = await disk.list(folder);
  const hasLogId = names.includes('log-id');
  const written = hasLogId ? await readLogId(disk, folder) : undefined;
  const ofSegments = await findOtherLogId(disk, folder, names, written);
  // What a node does without the file is to make it again.
  const logId = hasLogId ? written : ofSegments;
  const believed = ofSegments ?? logId;
  const { head } = await LogHeadFile.open(disk, folder, believed ?? '');
  const files: InspectedFile[] = [];
  for (const name of names) {
    const bytes = name.endsWith('/') ? undefined : await readKnown(disk, folder, name);
    if (!bytes) continue;
    if (firstLsnOfName(name) !== undefined) files.push(inspectSegment(name, bytes, believed));
    else if (firstLsnOfIdFile(name) !== undefined) files.push(inspectIds(name, bytes, believed));
    else if (name === headName)
      files.push({ name, kind: 'head', bytes: bytes.length, faults: findHeadFaults(bytes, believed ?? '') });
    else files.push(fault(name, 'log-id', bytes, findLogIdFault(written, ofSegments)));
  }
  return { logId, head, files, logIdOfSegments: ofSegments, ...(await judge(disk, folder, { logId, head, hasLogId })) };
}

async function readKnown(disk: Disk, folder: string, name: string): Promise<Buffer | undefined> {
  const isKnown =
    firstLsnOfName(name) !== undefined ||
    firstLsnOfIdFile(name) !== undefined ||
    name === headName ||
    name === 'log-id';
  return isKnown ? disk.readFile(join(folder, name)) : undefined;
}

async function readLogId(disk: Disk, folder: string): Promise<string | undefined> {
  const text = (await disk.readFile(join(folder, 'log-id'))).toString('utf8');
  return logIdPattern.test(text) ? text.trim() : undefined;
}

function fault(name: string, kind: InspectedFile['kind'], bytes: Buffer, broken: string | undefined): InspectedFile {
  return { name, kind, bytes: bytes.length, faults: broken === undefined ? [] : [broken] };
}

function inspectIds(name: string, bytes: Buffer, logId: string | undefined): InspectedFile {
  const content = decodeIdFile(bytes, logId ?? '');
  return fault(name, 'ids', bytes, 'broken' in content ? content.broken : undefined);
}

function inspectSegment(name: string, bytes: Buffer, logId: string | undefined): InspectedFile {
  const faults: string[] = [];
  const header = readSegmentHeader(bytes);
  if ('broken' in header) faults.push(header.broken);
  else if (header.logId !== logId) faults.push(`belongs to log ${header.logId}`);
  else if (header.firstLsn !== firstLsnOfName(name)) faults.push(`is the segment from LSN ${header.firstLsn}`);
  let [count, firstLsn, lastLsn] = [0, 0, 0];
  for (let at = segmentHeaderBytes; at < bytes.length; ) {
    const frame = readFrameHeader(bytes, at);
    if ('broken' in frame) {
      faults.push(`byte ${at}: ${frame.broken}`);
      at = nextFrameAt(bytes, at + 8);
      continue;
    }
    if (count === 0) firstLsn = frame.lsn;
    count += 1;
    lastLsn = frame.lsn;
    at += frame.bytes;
  }
  return { name, kind: 'segment', bytes: bytes.length, frames: { count, firstLsn, lastLsn }, faults };
}

function nextFrameAt(bytes: Buffer, from: number): number {
  for (let at = from; at + frameHeaderBytes <= bytes.length; at += 8)
    if (bytes.readUInt32LE(at) === frameMagic && !('broken' in readFrameHeader(bytes, at))) return at;
  return bytes.length;
}

/** Only when no segment takes the side of `log-id`: one that came from elsewhere is the one that is wrong. */
async function findOtherLogId(
  disk: Disk,
  folder: string,
  names: readonly string[],
  written: string | undefined,
): Promise<string | undefined> {
  const found = new Set<string>();
  for (const name of names) {
    if (firstLsnOfName(name) === undefined) continue;
    const header = readSegmentHeader(await disk.readRange(join(folder, name), 0, segmentHeaderBytes));
    if (!('broken' in header)) found.add(header.logId);
  }
  const [only] = found;
  return found.size === 1 && only !== written ? only : undefined;
}

function findLogIdFault(written: string | undefined, ofSegments: string | undefined): string | undefined {
  if (written === undefined) return 'expected 32 hexadecimal digits';
  return ofSegments === undefined ? undefined : 'the segments belong to another log';
}

type Verdict = Pick<LogInspection, 'refusal' | 'damages' | 'torn' | 'lastLsn'>;
type Judged = Pick<LogInspection, 'logId' | 'head'> & { readonly hasLogId: boolean };

async function judge(disk: Disk, folder: string, { logId, head, hasLogId }: Judged): Promise<Verdict> {
  const nothing = { refusal: undefined, damages: [], torn: undefined, lastLsn: 0 };
  if (logId === undefined)
    return { ...nothing, refusal: hasLogId ? 'log-id: expected 32 hexadecimal digits' : undefined };
  const batchIds = new BatchIds({ entriesMax: Number.POSITIVE_INFINITY, retentionMs: 0, ageMs: () => 0 });
  try {
    const { damages, tornAt, segments, lastLsn } = await validateLog(disk, folder, { logId, batchIds, head });
    const last = segments.at(-1)?.path;
    return { ...nothing, damages, lastLsn, torn: tornAt === undefined || !last ? undefined : basename(last) };
  } catch (error) {
    // The folder is the caller's to name.
    if (isHybridStoreError(error, 'corrupt'))
      return { ...nothing, refusal: error.message.replaceAll(`${folder}/`, '').replaceAll(folder, 'the log') };
    throw error;
  }
}
