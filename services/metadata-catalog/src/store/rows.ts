import type { SQLOutputValue } from 'node:sqlite';
import type { FileStatistics } from '@hybridstore/contracts';
import type { PolicyState, StoredSource, StoredTenant } from '../domain/ports.ts';
import type { Row } from './statements.ts';

export type Totals = { readonly rows: number; readonly bytes: number; readonly files: number };

export function readTenant(row: Row): StoredTenant {
  return {
    tenantId: String(row['tenant_id']),
    nodeUrl: String(row['node_url']),
    lastRefreshAtMs: readNullableNumber(row['last_refresh_at_ms']),
  };
}

export function readSource(row: Row): StoredSource {
  return {
    tenantId: String(row['tenant_id']),
    sourceId: String(row['source_id']),
    definition: readJson(row['definition']),
    columns: readJson(row['columns']),
    schemaVersion: Number(row['schema_version']),
    tableVersion: readNullableNumber(row['table_version']),
    isDeclared: row['is_declared'] === 1,
    ...readTotals(row),
    unflushedRows: readJson(row['unflushed_rows']),
    lastCommitAt: readNullableText(row['last_commit_at']),
    lastCompactionAt: readNullableText(row['last_compaction_at']),
    updatedAtMs: Number(row['updated_at_ms']),
  };
}

export function readFile(row: Row): FileStatistics {
  return {
    path: String(row['path']),
    bytes: Number(row['bytes']),
    rows: Number(row['rows']),
    partition: readJson(row['partition']),
    columns: readJson(row['columns']),
    modified_at: Number(row['modified_at']),
  };
}

export function readPolicyState(row: Row): PolicyState {
  return {
    policyId: String(row['policy_id']),
    lastRunAtMs: readNullableNumber(row['last_run_at_ms']),
    nextRunAtMs: readNullableNumber(row['next_run_at_ms']),
    decidedAtMs: Number(row['decided_at_ms']),
    lastResults: readJson(row['last_results']),
  };
}

export function readTotals(row: Row): Totals {
  return { rows: Number(row['rows']), bytes: Number(row['bytes']), files: Number(row['files']) };
}

export function sumFiles(files: readonly FileStatistics[]): Totals {
  return {
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    files: files.length,
  };
}

export function tableIdOf(row: Row): number {
  return Number(row['table_id']);
}

/** Texts of this store were written by `JSON.stringify` of the very type, hence the assertion. */
export function readJson<T>(text: SQLOutputValue | undefined): T {
  return JSON.parse(String(text)) as T;
}

function readNullableNumber(value: SQLOutputValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function readNullableText(value: SQLOutputValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
