import type {
  Column,
  CompactionPolicyDefinition,
  CompactionResult,
  FileStatistics,
  SourceDefinition,
} from '@hybridstore/contracts';
import type { CommitDecision } from './commit-decision.ts';

/** `lastRefreshAtMs` is null until the tenant's nodes were asked for all their sources once. */
export type StoredTenant = {
  readonly tenantId: string;
  readonly nodeUrl: string;
  readonly lastRefreshAtMs: number | null;
};

/** What the catalog knows of a source. `tableVersion` is null while no node has reported the table: then only the declaration is known. */
export type StoredSource = {
  readonly tenantId: string;
  readonly sourceId: string;
  readonly definition: SourceDefinition;
  readonly columns: readonly Column[];
  readonly schemaVersion: number;
  readonly tableVersion: number | null;
  readonly isDeclared: boolean;
  readonly rows: number;
  readonly bytes: number;
  readonly files: number;
  /** Rows that each node last reported as acknowledged and not committed. */
  readonly unflushedRows: Readonly<Record<string, number>>;
  readonly lastCommitAt: string | null;
  readonly lastCompactionAt: string | null;
  readonly updatedAtMs: number;
};

/** The description of a table that comes with every commit and every snapshot. */
export type TableHead = {
  readonly tenantId: string;
  readonly sourceId: string;
  readonly definition: SourceDefinition;
  readonly columns: readonly Column[];
  readonly schemaVersion: number;
  readonly tableVersion: number;
  readonly committedAt: string | null;
  readonly unflushedRows: Readonly<Record<string, number>>;
};

/** `removed` is taken away before `added` is put in: one commit may replace a file under its own path. */
export type TableChange = { readonly removed: readonly string[]; readonly added: readonly FileStatistics[] };

export type PolicyState = {
  readonly policyId: string;
  readonly lastRunAtMs: number | null;
  readonly nextRunAtMs: number | null;
  /** When `nextRunAtMs` was decided; later than now means that the clock went back. */
  readonly decidedAtMs: number;
  readonly lastResults: readonly CompactionResult[];
};

export type CompactionRun = {
  readonly tenantId: string;
  readonly policyId: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly result: CompactionResult;
};

/**
 * Where the catalog keeps what it learned. Everything in it can be lost: tenants, declarations and policies come again
 * from the operator, tables from their nodes. Each method is one transaction.
 */
export interface CatalogStore {
  tenants(): Promise<readonly StoredTenant[]>;
  tenant(tenantId: string): Promise<StoredTenant | undefined>;
  /** Keeps `lastRefreshAtMs` of a known tenant. */
  putTenant(tenantId: string, nodeUrl: string): Promise<void>;
  markRefreshed(tenantId: string, atMs: number): Promise<void>;
  /** With everything that belongs to the tenant. False when there was nothing. */
  deleteTenant(tenantId: string): Promise<boolean>;

  sources(tenantId: string): Promise<readonly StoredSource[]>;
  source(tenantId: string, sourceId: string): Promise<StoredSource | undefined>;
  /** A declaration changes `definition` and `columns` only while no node has reported the table. */
  declareSource(
    tenantId: string,
    definition: SourceDefinition,
    columns: readonly Column[],
    nowMs: number,
  ): Promise<void>;
  deleteSource(tenantId: string, sourceId: string): Promise<boolean>;

  files(tenantId: string, sourceId: string): Promise<readonly FileStatistics[]>;
  /** Files smaller than `belowBytes`. */
  countFiles(tenantId: string, sourceId: string, belowBytes: number): Promise<number>;
  applyChange(head: TableHead, change: TableChange, nowMs: number): Promise<void>;
  replaceTable(head: TableHead, files: readonly FileStatistics[], nowMs: number): Promise<void>;
  reportUnflushed(tenantId: string, sourceId: string, unflushedRows: Readonly<Record<string, number>>): Promise<void>;

  policies(tenantId?: string): Promise<readonly CompactionPolicyDefinition[]>;
  policy(policyId: string): Promise<CompactionPolicyDefinition | undefined>;
  putPolicy(policy: CompactionPolicyDefinition): Promise<void>;
  deletePolicy(policyId: string): Promise<boolean>;
  policyState(policyId: string): Promise<PolicyState | undefined>;
  putPolicyState(state: PolicyState): Promise<void>;

  /** Also remembers the moment as the source's last compaction when the result is `done`. */
  recordRun(run: CompactionRun): Promise<void>;
  /** Compactions of a tenant that changed its tables. */
  countCompactions(tenantId: string): Promise<number>;

  close(): Promise<void>;
}

/** What the catalog counts. */
export interface CatalogMetrics {
  countNotice(decision: CommitDecision): void;
  countCompaction(result: CompactionResult): void;
}
