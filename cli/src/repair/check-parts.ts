import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  checkListedSource,
  checkMembers,
  inspectLog,
  listSources,
  openVolume,
  planLogRepair,
} from '@hybridstore/engine/integrity';
import { checkDatabase, type Disk, HybridStoreError } from '@hybridstore/runtime';
import { describeDatabase, describeLog, describeMember, describeSource } from './describe-damage.ts';
import type { Finding, Leave, Part, PartKind, PartReport } from './finding.ts';

export type CheckContext = {
  readonly disk: Disk;
  readonly leave: Leave;
  /** Called with the bytes of each file that was read; ends the check by throwing. */
  readonly onRead: (bytes: number, files: number) => void;
};

/** Reads every byte of the parts, one after the other, and changes nothing. */
export async function checkParts(parts: readonly Part[], context: CheckContext): Promise<readonly PartReport[]> {
  const reports: PartReport[] = [];
  for (const part of parts) reports.push(await checkPart(part, context));
  return reports;
}

function checkPart(part: Part, context: CheckContext): Promise<PartReport> | PartReport {
  if (part.kind === 'tables') return checkTables(part, context);
  if (part.kind === 'log') return checkLog(part, context);
  return checkOneDatabase(part, context);
}

async function checkTables(part: Part, { disk, leave, onRead }: CheckContext): Promise<PartReport> {
  const store = openVolume(disk, part.path, join(part.path, 'staging'));
  const pace = async (bytes: number) => onRead(bytes, 0);
  const findings: Finding[] = [];
  let [files, bytes, withoutChecksum] = [0, 0, 0];
  for (const sourceId of await listSources(store)) {
    const check = await checkListedSource(store, sourceId, pace);
    findings.push(...describeSource(part, check, leave));
    files += check.objects;
    bytes += check.bytes;
    withoutChecksum += check.filesWithoutChecksum;
    onRead(0, check.objects);
  }
  const members = await checkMembers(store, pace);
  onRead(0, members.objects);
  findings.push(...members.problems.map((problem) => describeMember(part, problem)));
  return {
    part,
    files: files + members.objects,
    bytes: bytes + members.bytes,
    withoutChecksum,
    findings,
    notes: [],
  };
}

async function checkLog(part: Part, { disk, onRead }: CheckContext): Promise<PartReport> {
  const inspection = await inspectLog(disk, part.path);
  const plan = await planLogRepair(disk, part.path, inspection);
  const bytes = inspection.files.reduce((sum, file) => sum + file.bytes, 0);
  onRead(bytes, inspection.files.length);
  return { part, files: inspection.files.length, bytes, withoutChecksum: 0, ...describeLog(part, inspection, plan) };
}

/** As the services open them. */
const journals = { users: 'rollback', catalog: 'wal', logs: 'torn-wal' } as const;

function checkOneDatabase(part: Part, { leave, onRead }: CheckContext): PartReport {
  const kind = part.kind as Exclude<PartKind, 'tables' | 'log'>; // the other two were asked for before
  const name = basename(part.path);
  const { damage, bytes, hasLedger } = checkDatabase(dirname(part.path), { name, journal: journals[kind] });
  onRead(bytes, 1);
  const findings = damage === undefined ? [] : [describeDatabase(part, name, damage, leave)];
  const withoutChecksum = damage === undefined && !hasLedger ? 1 : 0;
  return { part, files: 1, bytes, withoutChecksum, findings, notes: [] };
}

const foldersMax = 1_000_000;

/** For a bar: what is there, which is a little more than what is read. */
export async function countBytes(parts: readonly Part[], disk: Disk): Promise<number> {
  let bytes = 0;
  const waiting = parts.map(({ path }) => path);
  for (let looked = 0; waiting.length > 0; looked += 1) {
    if (looked > foldersMax) throw new HybridStoreError('invalid_request', `expected at most ${foldersMax} folders`);
    const path = waiting.pop() ?? '';
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile()) bytes += stat.size;
    if (!stat?.isDirectory()) continue;
    for (const name of await disk.list(path)) {
      if (!name.startsWith('_quarantine') && !name.startsWith('.')) waiting.push(join(path, name));
    }
  }
  return bytes;
}
