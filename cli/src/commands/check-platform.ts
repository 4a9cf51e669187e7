import { createInterface } from 'node:readline';
import {
  authGateway,
  type CheckLine,
  type DatabaseChecked,
  type LogChecked,
  metadataCatalog,
  monitoring,
  type SourceChecked,
  type TenantStats,
  tenantNode,
} from '@hybridstore/contracts';
import { HybridStoreError, isErrorCode, isHybridStoreError, toHybridStoreError } from '@hybridstore/runtime';
import type { Connection } from '../connection.ts';
import type { Io } from '../io.ts';
import { type Progress, startProgress } from '../output/progress.ts';
import { describeDatabase, describeSource } from '../repair/describe-damage.ts';
import { describeLiveLog } from '../repair/describe-live-log.ts';
import type { Part, PartKind, PartReport, Unchecked } from '../repair/finding.ts';

/** What the platform has found, and what of it nobody could read: of that nothing is known. */
export type PlatformReport = {
  readonly reports: readonly PartReport[];
  readonly unchecked: readonly Unchecked[];
  readonly notes: readonly string[];
};

type Line = CheckLine | { readonly error: { readonly code: string; readonly message: string } };
/** For as long as it takes at the rate of the scrub: whoever asks sees how far it has come. */
const unbounded = { timeoutMs: Number.POSITIVE_INFINITY };

/** Asks a node of the tenant for tables and logs, and, for the platform's administrator, each service for its database. */
export async function checkPlatform(connection: Connection, io: Io): Promise<PlatformReport> {
  const tenant = await checkTenant(connection, io);
  const databases = await checkDatabases(connection, io);
  return {
    reports: [...tenant.reports, ...databases.reports],
    unchecked: [...tenant.unchecked, ...databases.unchecked],
    notes: [...tenant.notes, ...databases.notes],
  };
}

/** What is not said at the end of the answer is not known. */
async function checkTenant(connection: Connection, io: Io): Promise<PlatformReport> {
  const stats = await connection.call(tenantNode.tenantStats);
  const { body } = await connection.stream(tenantNode.checkSources, unbounded);
  const answer = new TenantAnswer(stats, io);
  try {
    for await (const text of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY }))
      answer.take(JSON.parse(text) as Line); // as the contract says
  } finally {
    answer.endProgress();
    body.destroy();
  }
  return answer.report();
}

/** The lines of one answer, put together, with a bar for the tables and one for each log. */
class TenantAnswer {
  readonly #stats: TenantStats;
  readonly #io: Io;
  readonly #sources: SourceChecked[] = [];
  readonly #logs: LogChecked[] = [];
  readonly #unchecked: Unchecked[] = [];
  readonly #notes: string[] = [];
  #progress: { readonly of: string; readonly shown: Progress };
  #isDone = false;

  constructor(stats: TenantStats, io: Io) {
    this.#stats = stats;
    this.#io = io;
    this.#progress = { of: 'tables', shown: startProgress('checking', stats.bytes, io.stderr, 'files') };
  }

  take(line: Line): void {
    if ('error' in line) throw failureOf(line.error);
    if ('progress' in line) this.#showTables(line.progress.bytes);
    if ('checked' in line) {
      this.#sources.push(line.checked);
      this.#showTables(0);
    }
    if ('reading' in line) this.#progressOf(line.reading.log, line.reading.total).update(line.reading.bytes, 0);
    if ('log' in line) this.#logs.push(line.log);
    if ('unchecked' in line) {
      const { log, code, reason } = line.unchecked;
      this.#unchecked.push({ kind: 'log', name: log, code, reason });
    }
    if ('note' in line) this.#notes.push(line.note);
    if ('done' in line) this.#isDone = true;
  }

  endProgress(): void {
    this.#progress.shown.end();
  }

  report(): PlatformReport {
    if (!this.#isDone) throw new HybridStoreError('unavailable', 'the check broke off before its end');
    return {
      reports: [describeTables(this.#stats.tenant_id, this.#sources), ...this.#logs.map(describeLog)],
      unchecked: this.#unchecked,
      notes: this.#notes,
    };
  }

  #showTables(bytesMore: number): void {
    const bytes = this.#sources.reduce((sum, one) => sum + one.bytes, bytesMore);
    const files = this.#sources.reduce((sum, one) => sum + one.objects, 0);
    this.#progress.shown.update(bytes, files);
  }

  #progressOf(log: string, totalBytes: number): Progress {
    if (this.#progress.of !== log) {
      this.endProgress();
      this.#progress = { of: log, shown: startProgress(`checking log ${log}`, totalBytes, this.#io.stderr, 'files') };
    }
    return this.#progress.shown;
  }
}

function describeTables(tenantId: string, checked: readonly SourceChecked[]): PartReport {
  const part: Part = { kind: 'tables', path: '', name: tenantId };
  return {
    part,
    files: checked.reduce((sum, one) => sum + one.objects, 0),
    bytes: checked.reduce((sum, one) => sum + one.bytes, 0),
    withoutChecksum: checked.reduce((sum, one) => sum + one.files_without_checksum, 0),
    findings: checked.flatMap((one) => describeSource(part, toSourceCheck(one), whileRunning)).map(withoutAction),
    notes: [],
  };
}

function describeLog(log: LogChecked): PartReport {
  const part: Part = { kind: 'log', path: '', name: log.node };
  const { files, bytes } = log;
  return { part, files, bytes, withoutChecksum: 0, findings: describeLiveLog(part, log.problems), notes: [] };
}

const databases = [
  { kind: 'users', endpoint: authGateway.checkDatabase },
  { kind: 'catalog', endpoint: metadataCatalog.checkDatabase },
  { kind: 'logs', endpoint: monitoring.checkDatabase },
] as const;
const withoutDatabases =
  'users, catalog and collected logs were not read: that is for the administrator of the platform';

async function checkDatabases(connection: Connection, io: Io): Promise<PlatformReport> {
  const reports: PartReport[] = [];
  const unchecked: Unchecked[] = [];
  for (const { kind, endpoint } of databases) {
    const progress = startProgress(`checking ${kind}`, 1, io.stderr, 'files');
    try {
      reports.push(reportDatabase(kind, await connection.call(endpoint, unbounded)));
      progress.update(1, 1);
    } catch (error) {
      if (isHybridStoreError(error, 'forbidden')) return { reports, unchecked, notes: [withoutDatabases] };
      const { code, message } = toHybridStoreError(error);
      unchecked.push({ kind, name: kind, code, reason: message });
    } finally {
      progress.end();
    }
  }
  return { reports, unchecked, notes: [] };
}

function reportDatabase(kind: PartKind, { file, bytes, has_ledger: hasLedger, damage }: DatabaseChecked): PartReport {
  const part: Part = { kind, path: '', name: file };
  const findings = damage === undefined ? [] : [describeDatabase(part, file, damage, whileRunning)].map(withoutAction);
  return { part, files: 1, bytes, withoutChecksum: hasLedger ? 0 : 1, findings, notes: [] };
}

const whileRunning = { dropDamagedFiles: false, resetUsers: false };

/** A node that runs repairs nothing: what a repair would do is for when it is down. */
function withoutAction({ action: _none, ...finding }: PartReport['findings'][number]): PartReport['findings'][number] {
  return finding;
}

function toSourceCheck(checked: SourceChecked): Parameters<typeof describeSource>[1] {
  return {
    sourceId: checked.source_id,
    location: checked.location,
    isReadable: checked.readable,
    objects: checked.objects,
    bytes: checked.bytes,
    filesWithoutChecksum: checked.files_without_checksum,
    problems: checked.problems.map(({ rows, ...problem }) => ({ ...problem, ...(rows === undefined ? {} : { rows }) })),
  };
}

function failureOf({ code, message }: { readonly code: string; readonly message: string }): HybridStoreError {
  return new HybridStoreError(isErrorCode(code) ? code : 'internal', message);
}
