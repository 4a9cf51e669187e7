import { join } from 'node:path';
import { type Disk, groupFile, replaceFileDurably } from '@hybridstore/runtime';
import { decodeIdFile, firstLsnOfIdFile, idFileName } from './id-file.ts';
import { type InspectedFile, inspectLog, type LogInspection } from './inspect-log.ts';
import { encodeHead, headName } from './log-head.ts';
import { firstLsnOfName } from './log-segment.ts';
import { copyDamaged, quarantine } from './write-ahead-log.ts';

/**
 * What can be done about a log without giving up a row or the id of a batch. Both steps keep the damaged file in `damaged/`.
 *
 *   quarantine     the file is moved there: nothing needs it, or a start makes it again
 *   rewrite_head   a copy is made there, and `head` says what the rest of the log proves
 *
 * Whatever is not listed stays: a node passes over it by itself, or refuses to start for good reason.
 */
export type LogRepair = { readonly step: 'quarantine' | 'rewrite_head'; readonly name: string };

export async function planLogRepair(
  disk: Disk,
  folder: string,
  inspection: LogInspection,
): Promise<readonly LogRepair[]> {
  const repairs: LogRepair[] = [];
  for (const file of inspection.files.filter(({ faults }) => faults.length > 0)) {
    const { kind, name } = file;
    if (kind === 'head' && inspection.refusal === undefined) repairs.push({ step: 'rewrite_head', name });
    if (kind === 'log-id' && inspection.logIdOfSegments !== undefined) repairs.push({ step: 'quarantine', name });
    if (kind === 'ids' && isSegmentWhole(inspection, firstLsnOfIdFile(name)))
      repairs.push({ step: 'quarantine', name });
  }
  return [...repairs, ...(await planSegments(disk, folder, inspection))];
}

export async function repairLog(disk: Disk, folder: string, { step, name }: LogRepair): Promise<void> {
  if (step === 'quarantine') {
    await quarantine(disk, folder, name);
    return;
  }
  const { logId = '', head, lastLsn } = await inspectLog(disk, folder);
  await copyDamaged(disk, folder, name);
  const { durableLsn = 0, committedLsn = 0, ageMs = 0, idsFromLsn = 0 } = head ?? {};
  const proven = {
    durableLsn: Math.max(durableLsn, lastLsn),
    committedLsn,
    ageMs: Math.max(ageMs, ...(await readAges(disk, folder, logId))),
    idsFromLsn,
  };
  await replaceFileDurably(disk, { path: join(folder, headName), bytes: encodeHead(proven, logId), mode: groupFile });
}

/**
 * The oldest segments only: a node that misses one in the middle would not start. All frames must be known to be committed,
 * and the ids in their own file; and the log without the file must be one that a node starts on, having lost nothing else.
 */
async function planSegments(disk: Disk, folder: string, inspection: LogInspection): Promise<readonly LogRepair[]> {
  const segments = inspection.files.filter(({ kind }) => kind === 'segment');
  const away: string[] = [];
  for (const [index, { name, faults }] of segments.entries()) {
    const next = firstLsnOfName(segments[index + 1]?.name ?? '');
    const isCommitted = next !== undefined && next - 1 <= (inspection.head?.committedLsn ?? 0);
    if (faults.length === 0 || !isCommitted || !hasIds(inspection, name)) break;
    const without = await inspectLog(hiding(disk, folder, [...away, name]), folder);
    if (without.refusal !== undefined || without.damages.some(({ segment }) => !isDamaged(inspection, segment))) break;
    away.push(name);
  }
  return away.map((name) => ({ step: 'quarantine', name }));
}

function hasIds({ files }: LogInspection, segment: string): boolean {
  const ids = idFileName(firstLsnOfName(segment) ?? 0);
  return files.some(({ name, faults }) => name === ids && faults.length === 0);
}

function isDamaged({ damages }: LogInspection, name: string): boolean {
  return damages.some(({ segment }) => segment === name);
}

function isSegmentWhole({ files }: LogInspection, firstLsn: number | undefined): boolean {
  const isOne = ({ kind, name }: InspectedFile) => kind === 'segment' && firstLsnOfName(name) === firstLsn;
  return files.some((file) => isOne(file) && file.faults.length === 0);
}

function hiding(disk: Disk, folder: string, names: readonly string[]): Disk {
  const isHidden = (name: string) => names.includes(name);
  return {
    ...disk,
    list: async (of) => (await disk.list(of)).filter((name) => of !== folder || !isHidden(name)),
  };
}

async function readAges(disk: Disk, folder: string, logId: string): Promise<number[]> {
  const ages: number[] = [];
  for (const name of await disk.list(folder)) {
    if (firstLsnOfIdFile(name) === undefined) continue;
    const content = decodeIdFile(await disk.readFile(join(folder, name)), logId);
    if (!('broken' in content)) ages.push(content.ageMs);
  }
  return ages;
}
