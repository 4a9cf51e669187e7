import { type Static, Type } from 'typebox';
import { SourceId, TenantId } from './identifiers.ts';
import { Column, SourceDefinition } from './source-schema.ts';
import { ColumnStatistics, FileStatistics } from './statistics.ts';

/** A source as the catalog lists it: what the interpreter checks names against. */
export const CatalogSource = Type.Object(
  {
    tenant_id: TenantId,
    source_id: SourceId,
    definition: SourceDefinition,
    columns: Type.Array(Column),
    schema_version: Type.Integer({ minimum: 1 }),
    table_version: Type.Integer({ minimum: 0 }),
    rows: Type.Integer(),
    bytes: Type.Integer(),
    files: Type.Integer(),
    unflushed_rows: Type.Integer({ description: 'as last reported by the nodes' }),
    last_commit_at: Type.Union([Type.String(), Type.Null()]),
    last_compaction_at: Type.Union([Type.String(), Type.Null()]),
    updated_at: Type.String(),
  },
  { $id: 'CatalogSource', additionalProperties: false },
);
export type CatalogSource = Static<typeof CatalogSource>;
export const CatalogSources = Type.Object(
  { sources: Type.Array(CatalogSource) },
  { $id: 'CatalogSources', additionalProperties: false },
);
export type CatalogSources = Static<typeof CatalogSources>;

export const CatalogStats = Type.Object(
  {
    tenants: Type.Integer(),
    sources: Type.Integer(),
    files: Type.Integer(),
    rows: Type.Integer(),
    bytes: Type.Integer(),
    small_files: Type.Integer(),
    policies: Type.Integer(),
    compactions: Type.Integer(),
    last_refresh_at: Type.Union([Type.String(), Type.Null()]),
  },
  { $id: 'CatalogStats', additionalProperties: false },
);
export type CatalogStats = Static<typeof CatalogStats>;

/** One source of the caller's tenant, or all of them. `dry_run` only reports what would be merged. */
export const CompactRequest = Type.Object(
  {
    source_id: Type.Optional(SourceId),
    dry_run: Type.Optional(Type.Boolean()),
    force: Type.Optional(Type.Boolean({ description: 'merge even what the policy would leave' })),
  },
  { $id: 'CompactRequest', additionalProperties: false },
);
export type CompactRequest = Static<typeof CompactRequest>;
export const CompactionResult = Type.Object(
  {
    source_id: SourceId,
    state: Type.Enum(['done', 'nothing_to_do', 'planned', 'failed']),
    files_before: Type.Integer(),
    files_after: Type.Integer(),
    bytes_before: Type.Integer(),
    bytes_after: Type.Integer(),
    table_version: Type.Union([Type.Integer(), Type.Null()]),
    error: Type.Optional(Type.String()),
  },
  { $id: 'CompactionResult', additionalProperties: false },
);
export type CompactionResult = Static<typeof CompactionResult>;
export const CompactResponse = Type.Object(
  { results: Type.Array(CompactionResult) },
  { $id: 'CompactResponse', additionalProperties: false },
);
export type CompactResponse = Static<typeof CompactResponse>;

/** What a node reports to the catalog after each commit (best effort: the catalog can always re-read the table from the node). */
export const CommitNotice = Type.Object(
  {
    tenant_id: TenantId,
    source_id: SourceId,
    definition: SourceDefinition,
    columns: Type.Array(Column),
    schema_version: Type.Integer({ minimum: 1 }),
    table_version: Type.Integer({ minimum: 0 }),
    committed_at: Type.String(),
    /** Files added and paths removed since `since_version`; the catalog re-reads the table when it does not hold that version. */
    since_version: Type.Integer({ minimum: -1 }),
    added: Type.Array(FileStatistics),
    removed: Type.Array(Type.String()),
    unflushed_rows: Type.Integer({ minimum: 0 }),
    node_url: Type.String(),
  },
  { $id: 'CommitNotice', additionalProperties: false },
);
export type CommitNotice = Static<typeof CommitNotice>;

/** Sent by the operator: where a tenant's nodes are and which sources and policies are declared for it. */
export const TenantRegistration = Type.Object(
  { tenant_id: TenantId, node_url: Type.String({ description: 'address of the tenant Service' }) },
  { $id: 'TenantRegistration', additionalProperties: false },
);
export type TenantRegistration = Static<typeof TenantRegistration>;

export const CompactionPolicyDefinition = Type.Object(
  {
    policy_id: Type.String({ minLength: 1, maxLength: 253 }),
    tenant_id: TenantId,
    /** Absent or empty: every source of the tenant. */
    source_ids: Type.Optional(Type.Array(SourceId)),
    enabled: Type.Boolean(),
    interval_minutes: Type.Number({ exclusiveMinimum: 0 }),
    min_file_size_mb: Type.Number({ exclusiveMinimum: 0 }),
    max_file_size_mb: Type.Number({ exclusiveMinimum: 0 }),
    window: Type.Optional(Type.String({ description: 'cron expression; runs start only in minutes that match' })),
    max_concurrent: Type.Integer({ minimum: 1 }),
    retain_snapshots_hours: Type.Number({ minimum: 0 }),
  },
  { $id: 'CompactionPolicyDefinition', additionalProperties: false },
);
export type CompactionPolicyDefinition = Static<typeof CompactionPolicyDefinition>;
export const CompactionPolicyState = Type.Object(
  {
    policy_id: Type.String(),
    active: Type.Boolean(),
    last_run_at: Type.Union([Type.String(), Type.Null()]),
    next_run_at: Type.Union([Type.String(), Type.Null()]),
    last_results: Type.Array(CompactionResult),
  },
  { $id: 'CompactionPolicyState', additionalProperties: false },
);
export type CompactionPolicyState = Static<typeof CompactionPolicyState>;

/** One comparison `column operator value` that every wanted row satisfies; values in the form of file statistics. */
export const PruningPredicate = Type.Object(
  {
    column: Type.String(),
    operator: Type.Enum(['eq', 'gt', 'gte', 'lt', 'lte', 'in', 'is_null', 'is_not_null']),
    values: Type.Array(Type.String(), { maxItems: 1_000 }),
  },
  { $id: 'PruningPredicate', additionalProperties: false },
);
export type PruningPredicate = Static<typeof PruningPredicate>;

export const StatisticsRequest = Type.Object(
  {
    scans: Type.Array(
      Type.Object(
        { source_id: SourceId, predicates: Type.Array(PruningPredicate, { maxItems: 256 }) },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 256 },
    ),
  },
  { $id: 'StatisticsRequest', additionalProperties: false },
);
export type StatisticsRequest = Static<typeof StatisticsRequest>;
/** In the order of the request. `matched_*` count what the predicates leave after pruning by file statistics. */
export const ScanStatistics = Type.Object(
  {
    source_id: SourceId,
    schema_version: Type.Integer(),
    table_version: Type.Integer(),
    rows: Type.Integer(),
    bytes: Type.Integer(),
    files: Type.Integer(),
    unflushed_rows: Type.Integer(),
    matched_rows: Type.Integer(),
    matched_bytes: Type.Integer(),
    matched_files: Type.Integer(),
    columns: Type.Record(
      Type.String(),
      Type.Intersect([ColumnStatistics, Type.Object({ distinct: Type.Union([Type.Integer(), Type.Null()]) })]),
    ),
  },
  { $id: 'ScanStatistics', additionalProperties: false },
);
export type ScanStatistics = Static<typeof ScanStatistics>;
export const StatisticsResponse = Type.Object(
  { scans: Type.Array(ScanStatistics) },
  { $id: 'StatisticsResponse', additionalProperties: false },
);
export type StatisticsResponse = Static<typeof StatisticsResponse>;
