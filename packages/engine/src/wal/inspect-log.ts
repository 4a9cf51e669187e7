import { join } from 'node:path';
import { type Disk, isHybridStoreError } from '@hybridstore/runtime';
import { BatchIds } from './batch-ids.ts';
import { frameHeaderBytes, frameMagic, readFrameHeader } from './frame.ts';
import { decodeIdFile, firstLsnOfIdFile } from './id-file.ts';
import { headName, type LogHead, LogHeadFile } from './log-head.ts';
import { firstLsnOfName, readSegmentHeader, segmentHeaderBytes } from './log-segment.ts';
import { validateLog } from './read-log.ts';

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
  /** Why a node would not start on it; undefined when it would. */
  readonly refusal: string | undefined;
};

const logIdPattern = /^[0-9a-f]{32}\n?$/;

/**
 * Reads everything of one log and changes nothing. Faults of a file that no reader needs any more (a torn tail, committed
 * frames) are named too: `refusal` alone says whether a node starts.
 */
export async function inspectLog(disk: Disk, folder: string): Promise<LogInspection> {
  const names = await disk.list(folder);
  const logId = names.includes('log-id') ? await readLogId(disk, folder) : undefined;
  const { head, isDamaged } = await LogHeadFile.open(disk, folder, logId ?? '');
  const files: InspectedFile[] = [];
  for (const name of names) {
    const bytes = name.endsWith('/') ? undefined : await readKnown(disk, folder, name);
    if (!bytes) continue;
    if (firstLsnOfName(name) !== undefined) files.push(inspectSegment(name, bytes, logId));
    else if (firstLsnOfIdFile(name) !== undefined) files.push(inspectIds(name, bytes, logId));
    else if (name === headName) files.push(fault(name, 'head', bytes, isDamaged ? 'no good slot' : undefined));
    else files.push(fault(name, 'log-id', bytes, logId === undefined ? 'expected 32 hexadecimal digits' : undefined));
  }
  return { logId, head, files, refusal: await findRefusal(disk, folder, { logId, head }) };
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

async function findRefusal(
  disk: Disk,
  folder: string,
  { logId, head }: { readonly logId: string | undefined; readonly head: LogHead | undefined },
): Promise<string | undefined> {
  if (logId === undefined) return undefined;
  const batchIds = new BatchIds({ entriesMax: Number.POSITIVE_INFINITY, retentionMs: 0, ageMs: () => 0 });
  try {
    await validateLog(disk, folder, { logId, batchIds, head });
    return undefined;
  } catch (error) {
    if (isHybridStoreError(error, 'corrupt')) return error.message;
    throw error;
  }
}
