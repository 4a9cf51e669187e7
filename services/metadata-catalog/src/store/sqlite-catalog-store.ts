import type { DatabaseSync } from 'node:sqlite';
import type { Column, CompactionPolicyDefinition, FileStatistics, SourceDefinition } from '@hybridstore/contracts';
import type {
  CatalogStore,
  CompactionRun,
  PolicyState,
  StoredSource,
  StoredTenant,
  TableChange,
  TableHead,
} from '../domain/ports.ts';
import {
  readFile,
  readJson,
  readPolicyState,
  readSource,
  readTenant,
  readTotals,
  sumFiles,
  type Totals,
  tableIdOf,
} from './rows.ts';
import { type Row, Statements } from './statements.ts';

const snapshotsPerTableMax = 1_000;
const runsPerSourceMax = 200;

/** The store port on node:sqlite: write-ahead journal, synced at each commit. `rows.ts` reads what it wrote. */
export class SqliteCatalogStore implements CatalogStore {
  readonly #sql: Statements;

  constructor(database: DatabaseSync) {
    this.#sql = new Statements(database);
  }

  async tenants(): Promise<readonly StoredTenant[]> {
    return this.#sql.all('select * from tenants order by tenant_id').map(readTenant);
  }

  async tenant(tenantId: string): Promise<StoredTenant | undefined> {
    const row = this.#sql.get('select * from tenants where tenant_id = ?', tenantId);
    return row && readTenant(row);
  }

  async putTenant(tenantId: string, nodeUrl: string): Promise<void> {
    this.#sql.run(
      'insert into tenants (tenant_id, node_url) values (?, ?) on conflict do update set node_url = excluded.node_url',
      tenantId,
      nodeUrl,
    );
  }

  async markRefreshed(tenantId: string, atMs: number): Promise<void> {
    this.#sql.run('update tenants set last_refresh_at_ms = ? where tenant_id = ?', atMs, tenantId);
  }

  async deleteTenant(tenantId: string): Promise<boolean> {
    return this.#sql.transaction(() => {
      this.#sql.run('delete from sources where tenant_id = ?', tenantId);
      this.#sql.run('delete from compaction_runs where tenant_id = ?', tenantId);
      return this.#sql.run('delete from tenants where tenant_id = ?', tenantId) > 0;
    });
  }

  async sources(tenantId: string): Promise<readonly StoredSource[]> {
    return this.#sql.all('select * from sources where tenant_id = ? order by source_id', tenantId).map(readSource);
  }

  async source(tenantId: string, sourceId: string): Promise<StoredSource | undefined> {
    const row = this.#sourceRow(tenantId, sourceId);
    return row && readSource(row);
  }

  async declareSource(
    tenantId: string,
    definition: SourceDefinition,
    columns: readonly Column[],
    nowMs: number,
  ): Promise<void> {
    const text = JSON.stringify(definition);
    const columnsText = JSON.stringify(columns);
    this.#sql.run(
      `insert into sources (tenant_id, source_id, definition, columns, schema_version, is_declared, rows, bytes, files, unflushed_rows, updated_at_ms)
       values (?, ?, ?, ?, 1, 1, 0, 0, 0, '{}', ?)
       on conflict do update set is_declared = 1,
         updated_at_ms = iif(table_version is null and definition <> excluded.definition, excluded.updated_at_ms, updated_at_ms),
         definition = iif(table_version is null, excluded.definition, definition),
         columns = iif(table_version is null, excluded.columns, columns)`,
      tenantId,
      definition.source_id,
      text,
      columnsText,
      nowMs,
    );
  }

  async deleteSource(tenantId: string, sourceId: string): Promise<boolean> {
    return this.#sql.run('delete from sources where tenant_id = ? and source_id = ?', tenantId, sourceId) > 0;
  }

  async files(tenantId: string, sourceId: string): Promise<readonly FileStatistics[]> {
    const row = this.#sourceRow(tenantId, sourceId);
    if (!row) return [];
    return this.#sql.all('select * from files where table_id = ? order by path', tableIdOf(row)).map(readFile);
  }

  async countFiles(tenantId: string, sourceId: string, belowBytes: number): Promise<number> {
    const row = this.#sql.get(
      `select count(*) as n from files join sources using (table_id)
       where tenant_id = ? and source_id = ? and files.bytes < ?`,
      tenantId,
      sourceId,
      belowBytes,
    );
    return Number(row?.['n'] ?? 0);
  }

  async applyChange(head: TableHead, change: TableChange, nowMs: number): Promise<void> {
    this.#sql.transaction(() => {
      const row = this.#requireRow(head, nowMs);
      const tableId = tableIdOf(row);
      const before = readTotals(row);
      const removed = this.#removeFiles(tableId, [...change.removed, ...change.added.map((file) => file.path)]);
      this.#addFiles(tableId, change.added);
      const added = sumFiles(change.added);
      const totals: Totals = {
        rows: before.rows - removed.rows + added.rows,
        bytes: before.bytes - removed.bytes + added.bytes,
        files: before.files - removed.files + added.files,
      };
      this.#writeHead(tableId, head, totals, nowMs);
    });
  }

  async replaceTable(head: TableHead, files: readonly FileStatistics[], nowMs: number): Promise<void> {
    this.#sql.transaction(() => {
      const tableId = tableIdOf(this.#requireRow(head, nowMs));
      this.#sql.run('delete from files where table_id = ?', tableId);
      this.#addFiles(tableId, files);
      // Versions above the one read belong to a table that was dropped and made again.
      this.#sql.run('delete from snapshots where table_id = ? and table_version > ?', tableId, head.tableVersion);
      this.#sql.run(
        'delete from schema_versions where table_id = ? and schema_version > ?',
        tableId,
        head.schemaVersion,
      );
      this.#writeHead(tableId, head, sumFiles(files), nowMs);
    });
  }

  /** The row of a table, made when this is the first that is heard of it. */
  #requireRow(head: TableHead, nowMs: number): Row {
    this.#sql.run(
      `insert into sources (tenant_id, source_id, definition, columns, schema_version, is_declared, rows, bytes, files, unflushed_rows, updated_at_ms)
       values (?, ?, ?, ?, ?, 0, 0, 0, 0, '{}', ?) on conflict do nothing`,
      head.tenantId,
      head.sourceId,
      JSON.stringify(head.definition),
      JSON.stringify(head.columns),
      head.schemaVersion,
      nowMs,
    );
    const row = this.#sourceRow(head.tenantId, head.sourceId);
    if (!row) throw new Error(`no row of source ${head.sourceId} after its insertion`);
    return row;
  }

  #removeFiles(tableId: number, paths: readonly string[]): Totals {
    const totals = { rows: 0, bytes: 0, files: 0 };
    for (const path of paths) {
      const row = this.#sql.get(
        'delete from files where table_id = ? and path = ? returning rows, bytes',
        tableId,
        path,
      );
      if (!row) continue;
      totals.rows += Number(row['rows']);
      totals.bytes += Number(row['bytes']);
      totals.files += 1;
    }
    return totals;
  }

  #addFiles(tableId: number, files: readonly FileStatistics[]): void {
    for (const file of files)
      this.#sql.run(
        'insert into files (table_id, path, bytes, rows, partition, columns, modified_at) values (?, ?, ?, ?, ?, ?, ?)',
        tableId,
        file.path,
        file.bytes,
        file.rows,
        JSON.stringify(file.partition),
        JSON.stringify(file.columns),
        file.modified_at,
      );
  }

  #writeHead(tableId: number, head: TableHead, totals: Totals, nowMs: number): void {
    const columns = JSON.stringify(head.columns);
    this.#sql.run(
      `update sources set definition = ?, columns = ?, schema_version = ?, table_version = ?, rows = ?, bytes = ?, files = ?,
         unflushed_rows = ?, last_commit_at = ?, updated_at_ms = ? where table_id = ?`,
      JSON.stringify(head.definition),
      columns,
      head.schemaVersion,
      head.tableVersion,
      totals.rows,
      totals.bytes,
      totals.files,
      JSON.stringify(head.unflushedRows),
      head.committedAt,
      nowMs,
      tableId,
    );
    this.#sql.run(
      'insert into schema_versions values (?, ?, ?, ?) on conflict do update set columns = excluded.columns',
      tableId,
      head.schemaVersion,
      columns,
      nowMs,
    );
    this.#addSnapshot(tableId, head, totals);
  }

  #addSnapshot(tableId: number, head: TableHead, totals: Totals): void {
    this.#sql.run(
      'insert or replace into snapshots values (?, ?, ?, ?, ?, ?)',
      tableId,
      head.tableVersion,
      head.committedAt,
      totals.rows,
      totals.bytes,
      totals.files,
    );
    this.#sql.run(
      `delete from snapshots where table_id = ? and table_version <=
         (select table_version from snapshots where table_id = ? order by table_version desc limit 1 offset ?)`,
      tableId,
      tableId,
      snapshotsPerTableMax,
    );
  }

  async reportUnflushed(
    tenantId: string,
    sourceId: string,
    unflushedRows: Readonly<Record<string, number>>,
  ): Promise<void> {
    const text = JSON.stringify(unflushedRows);
    this.#sql.run(
      'update sources set unflushed_rows = ? where tenant_id = ? and source_id = ?',
      text,
      tenantId,
      sourceId,
    );
  }

  async policies(tenantId?: string): Promise<readonly CompactionPolicyDefinition[]> {
    const rows =
      tenantId === undefined
        ? this.#sql.all('select definition from policies order by policy_id')
        : this.#sql.all('select definition from policies where tenant_id = ? order by policy_id', tenantId);
    return rows.map((row) => readJson<CompactionPolicyDefinition>(row['definition']));
  }

  async policy(policyId: string): Promise<CompactionPolicyDefinition | undefined> {
    const row = this.#sql.get('select definition from policies where policy_id = ?', policyId);
    return row && readJson<CompactionPolicyDefinition>(row['definition']);
  }

  async putPolicy(policy: CompactionPolicyDefinition): Promise<void> {
    this.#sql.run(
      'insert or replace into policies values (?, ?, ?)',
      policy.policy_id,
      policy.tenant_id,
      JSON.stringify(policy),
    );
  }

  async deletePolicy(policyId: string): Promise<boolean> {
    return this.#sql.transaction(() => {
      this.#sql.run('delete from policy_states where policy_id = ?', policyId);
      return this.#sql.run('delete from policies where policy_id = ?', policyId) > 0;
    });
  }

  async policyState(policyId: string): Promise<PolicyState | undefined> {
    const row = this.#sql.get('select * from policy_states where policy_id = ?', policyId);
    return row && readPolicyState(row);
  }

  async putPolicyState(state: PolicyState): Promise<void> {
    this.#sql.run(
      'insert or replace into policy_states values (?, ?, ?, ?, ?)',
      state.policyId,
      state.lastRunAtMs,
      state.nextRunAtMs,
      state.decidedAtMs,
      JSON.stringify(state.lastResults),
    );
  }

  async recordRun(run: CompactionRun): Promise<void> {
    this.#sql.transaction(() => {
      this.#sql.run(
        `insert into compaction_runs (tenant_id, source_id, policy_id, started_at_ms, ended_at_ms, state, result) values (?, ?, ?, ?, ?, ?, ?)`,
        run.tenantId,
        run.result.source_id,
        run.policyId,
        run.startedAtMs,
        run.endedAtMs,
        run.result.state,
        JSON.stringify(run.result),
      );
      this.#sql.run(
        `delete from compaction_runs where run_id in (select run_id from compaction_runs where tenant_id = ? and source_id = ? order by run_id desc limit -1 offset ?)`,
        run.tenantId,
        run.result.source_id,
        runsPerSourceMax,
      );
      if (run.result.state !== 'done') return;
      this.#sql.run(
        'update sources set last_compaction_at = ? where tenant_id = ? and source_id = ?',
        new Date(run.endedAtMs).toISOString(),
        run.tenantId,
        run.result.source_id,
      );
    });
  }

  async countCompactions(tenantId: string): Promise<number> {
    const row = this.#sql.get(
      `select count(*) as n from compaction_runs where tenant_id = ? and state = 'done'`,
      tenantId,
    );
    return Number(row?.['n'] ?? 0);
  }

  async close(): Promise<void> {
    this.#sql.close();
  }

  #sourceRow(tenantId: string, sourceId: string): Row | undefined {
    return this.#sql.get('select * from sources where tenant_id = ? and source_id = ?', tenantId, sourceId);
  }
}
