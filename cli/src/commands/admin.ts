import { resolve } from 'node:path';
import { findPlatform, HybridStoreError, isErrno, systemClock, systemDisk } from '@hybridstore/runtime';
import type { Connection } from '../connection.ts';
import { type Io, paintFor } from '../io.ts';
import { formatFindings, formatParts } from '../output/findings.ts';
import { startProgress } from '../output/progress.ts';
import { applyRepairs, withLogsLocked } from '../repair/apply-repairs.ts';
import { checkParts, countBytes } from '../repair/check-parts.ts';
import { findParts, type NamedParts, namedParts } from '../repair/find-parts.ts';
import type { Leave, Part, PartReport, Unchecked } from '../repair/finding.ts';
import { usageError } from '../usage-error.ts';
import { checkPlatform } from './check-platform.ts';

export type CheckFlags = NamedParts & { readonly output: 'table' | 'json'; readonly json?: boolean };
export type RepairFlags = CheckFlags & Partial<Leave> & { readonly yes?: boolean };

const nothingToGive: Leave = { dropDamagedFiles: false, resetUsers: false };

/** Reads everything of a data folder, or of single volumes and databases, and changes nothing. Fails when something is damaged. */
export async function checkFolders(dataDir: string | undefined, flags: CheckFlags, io: Io): Promise<void> {
  const parts = partsOf(dataDir, flags);
  const notes = describePlatform(dataDir);
  const reports = await read(parts, nothingToGive, io);
  print('check', { reports, notes }, flags, io);
  requireWhole(reports);
}

/**
 * Asks the platform, which reads tables, logs and databases while it serves. Fails when something is damaged, and when
 * something that the caller may see could not be read.
 */
export async function checkRunning(connection: Connection, flags: CheckFlags, io: Io): Promise<void> {
  const outcome = await checkPlatform(connection, io);
  print('check', outcome, flags, io);
  requireWhole(outcome.reports);
  requireAll(outcome.unchecked);
}

/** Whether a folder or a part of one was named; else the platform is meant. */
export function namesFolders(dataDir: string | undefined, flags: CheckFlags): boolean {
  return dataDir !== undefined || [flags.tables, flags.log, flags.users, flags.catalog, flags.logs].some(Boolean);
}

/** Prints what it would do; with `yes` it does it, and checks again. Fails when something is damaged afterwards. */
export async function repairFolders(dataDir: string | undefined, flags: RepairFlags, io: Io): Promise<void> {
  if (!namesFolders(dataDir, flags))
    throw usageError(
      '--data-dir',
      'expected the folder to repair, found none: nothing is repaired while a platform runs on it',
    );
  const { dropDamagedFiles = false, resetUsers = false } = flags;
  const leave = { dropDamagedFiles, resetUsers };
  const parts = partsOf(dataDir, flags);
  if (!flags.yes) {
    const reports = await read(parts, leave, io);
    const steps = countSteps(reports);
    const notes = [
      ...describePlatform(dataDir),
      steps === 0
        ? 'nothing to do'
        : `nothing was changed: --yes does the ${steps === 1 ? 'step' : `${steps} steps`} above`,
    ];
    print('plan', { reports, notes }, flags, io);
    return requireWhole(reports);
  }
  requireFree(dataDir);
  const after = await withLogsLocked(parts, systemDisk, async () => {
    const before = await read(parts, leave, io);
    print('before', { reports: before, notes: [] }, flags, io);
    await applyRepairs(before, { disk: systemDisk, clock: systemClock });
    const steps = countSteps(before);
    const left = await read(stillThere(parts, before), leave, io);
    print('after', { reports: left, notes: [`${steps} ${steps === 1 ? 'step' : 'steps'} done`] }, flags, io);
    return left;
  });
  requireWhole(after);
}

function partsOf(dataDir: string | undefined, { tables, log, users, catalog, logs }: NamedParts): readonly Part[] {
  const lists = { tables, log, users, catalog, logs };
  const named = Object.fromEntries(Object.entries(lists).filter(([, paths]) => paths !== undefined)) as NamedParts; // those that are there
  if (Object.keys(named).length === 0) return findParts(resolve(dataDir ?? ''));
  if (dataDir !== undefined)
    throw usageError('--data-dir', 'expected alone, found beside --tables, --log, --users, --catalog or --logs');
  return namedParts(named);
}

async function read(parts: readonly Part[], leave: Leave, io: Io): Promise<readonly PartReport[]> {
  const progress = startProgress('checking', await countBytes(parts, systemDisk), io.stderr, 'files');
  let [done, count] = [0, 0];
  const onRead = (bytes: number, files: number) => {
    io.signal.throwIfAborted();
    done += bytes;
    count += files;
    progress.update(done, count);
  };
  try {
    return await checkParts(parts, { disk: systemDisk, leave, onRead });
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM'))
      throw usageError(
        'admin',
        `expected files that can be read by this user, found one that cannot (${(error as NodeJS.ErrnoException).code})`,
      );
    throw error;
  } finally {
    progress.end();
  }
}

function describePlatform(dataDir: string | undefined): readonly string[] {
  const holder = dataDir === undefined ? undefined : findPlatform(resolve(dataDir));
  if (holder === undefined) return [];
  return [`process ${holder} runs on this folder: what it is writing may look unfinished, and a repair is refused`];
}

function requireFree(dataDir: string | undefined): void {
  const holder = dataDir === undefined ? undefined : findPlatform(resolve(dataDir));
  if (holder === undefined) return;
  throw new HybridStoreError(
    'conflict',
    `--data-dir: expected a folder that nothing runs on, found it in use by process ${holder}; end it before a repair`,
  );
}

/** A database that was set aside is not there until its service starts. */
function stillThere(parts: readonly Part[], before: readonly PartReport[]): readonly Part[] {
  const gone = new Set(
    before.flatMap(({ part, findings }) =>
      findings.some(({ action }) => action?.kind === 'set_aside_database') ? [part.path] : [],
    ),
  );
  return parts.filter(({ path }) => !gone.has(path));
}

function countSteps(reports: readonly PartReport[]): number {
  return reports.flatMap(({ findings }) => findings.filter(({ action }) => action !== undefined)).length;
}

type Outcome = {
  readonly reports: readonly PartReport[];
  readonly notes: readonly string[];
  readonly unchecked?: readonly Unchecked[];
};

function print(stage: string, { reports, notes, unchecked = [] }: Outcome, flags: CheckFlags, io: Io): void {
  const parts = reports.map(({ part, files, bytes, withoutChecksum, findings }) => ({
    kind: part.kind,
    name: part.name,
    files,
    bytes,
    withoutChecksum,
    damaged: findings.length,
  }));
  const findings = reports.flatMap((report) =>
    report.findings.map(({ action, ...rest }) => ({ ...rest, planned: action !== undefined })),
  );
  const allNotes = [
    ...reports.flatMap((report) => report.notes.map((note) => `${report.part.name}: ${note}`)),
    ...unchecked.map((one) => `${describeUnchecked(one)}: not checked: ${one.reason}`),
    ...notes,
  ];
  if (flags.json || flags.output === 'json') {
    io.stdout.write(`${JSON.stringify({ stage, parts, findings, unchecked, notes: allNotes })}\n`);
    return;
  }
  const paint = paintFor(io.stdout, io.variables);
  const texts = [
    formatParts(parts, paint),
    formatFindings(findings, paint),
    allNotes.map((note) => `note: ${note}`).join('\n'),
  ];
  const title = stage === 'before' || stage === 'after' ? `${paint.bold(`${stage} the repair`)}\n` : '';
  io.stdout.write(
    `${title}${[...texts, summarize(reports, unchecked.length)].filter((text) => text !== '').join('\n\n')}\n`,
  );
}

function summarize(reports: readonly PartReport[], unchecked: number): string {
  const sum = (of: (report: PartReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const damaged = sum(({ findings }) => findings.length);
  const read = `${sum(({ files }) => files)} files, ${sum(({ bytes }) => bytes)} bytes`;
  const unverified = sum(({ withoutChecksum }) => withoutChecksum);
  const older = unverified === 0 ? '' : `; ${unverified} have no checksum yet`;
  const left = unchecked === 0 ? '' : `; ${unchecked} not checked`;
  const nothing = unchecked === 0 ? 'nothing is damaged' : 'nothing of what was read is damaged';
  return `${damaged === 0 ? nothing : `${damaged} damaged`}: ${read} read${older}${left}`;
}

function requireWhole(reports: readonly PartReport[]): void {
  const findings = reports.flatMap((report) => report.findings);
  if (findings.length === 0) return;
  throw new HybridStoreError(
    'corrupt',
    `${findings.length} damaged: ${findings
      .slice(0, namesMax)
      .map(({ file }) => file)
      .join(', ')}${findings.length > namesMax ? ', …' : ''}`,
  );
}

/** Of what was not looked at nobody may say that it is well. */
function requireAll(unchecked: readonly Unchecked[]): void {
  if (unchecked.length === 0) return;
  throw new HybridStoreError('unavailable', `not checked: ${unchecked.map(describeUnchecked).join(', ')}`);
}

function describeUnchecked({ kind, name }: Unchecked): string {
  return kind === name ? kind : `${kind} ${name}`;
}

const namesMax = 5;
