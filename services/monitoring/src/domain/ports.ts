import type { LogEntry, LogTail, MonitoringTarget } from '@hybridstore/contracts';
import type { Figures } from './figures.ts';

/** Processes to watch, as the operator last wrote them. */
export interface Targets {
  read(): readonly MonitoringTarget[];
}

/** One look at a process. Never throws: what goes wrong is the answer. */
export interface Probe {
  check(target: MonitoringTarget): Promise<ProbeResult>;
}
export type ProbeResult = {
  readonly status: 'healthy' | 'not_ready' | 'unreachable';
  readonly version: string | null;
  readonly reasons: readonly string[];
};

/** Reads a process's newest log entries after a place in its ring. Throws a HybridStoreError. */
export interface LogTails {
  read(target: MonitoringTarget, cursor: LogCursor | undefined): Promise<LogTail>;
}

/** Reads the figures of a process. Throws when it cannot be reached. */
export interface Scraper {
  scrape(target: MonitoringTarget): Promise<Figures>;
}

/** How far the ring of one run of a process was read. */
export type LogCursor = { readonly boot: string; readonly next: number };

export type LogFilter = {
  readonly service: string;
  /** Present: only entries of this tenant's nodes. */
  readonly tenantId?: string;
  readonly levels: readonly string[];
  readonly sinceMs?: number;
  readonly limit: number;
};

/** Collected entries. `append` stores entries and cursor together, so that a restart neither loses nor doubles any. */
export interface LogStore {
  cursor(instanceKey: string): LogCursor | undefined;
  append(instanceKey: string, tenantId: string | undefined, entries: readonly LogEntry[], cursor: LogCursor): void;
  /** The newest `limit` entries by time, or as many as an answer has room for, oldest of them first. */
  read(filter: LogFilter): readonly LogEntry[];
  /** Removes what is older than the time, and the oldest beyond the bound of the store. */
  prune(beforeMs: number): number;
  close(): void;
}

/** One run of one process under one name: a pod name may come back with another address. */
export function instanceKeyOf(target: MonitoringTarget): string {
  return `${target.tenant_id ?? ''}|${target.service}|${target.instance}`;
}
