import { type Static, Type } from 'typebox';
import { SourceId, TenantId } from './identifiers.ts';
import { LogicalPlan } from './plan/index.ts';

/** What one scan of a plan is expected to read after pruning by file statistics. */
export const ScanEstimate = Type.Object(
  {
    source_id: SourceId,
    alias: Type.String(),
    table_version: Type.Integer(),
    files_total: Type.Integer(),
    files_matched: Type.Integer(),
    bytes_total: Type.Integer(),
    bytes_matched: Type.Integer(),
    rows_total: Type.Integer(),
    rows_matched: Type.Integer(),
    /** After the whole predicate, not only what files can be asked. */
    rows_estimated: Type.Number(),
  },
  { $id: 'ScanEstimate', additionalProperties: false },
);
export type ScanEstimate = Static<typeof ScanEstimate>;

/** Cost of a plan on one node. `memory_bytes` is the largest amount held at once by joins, groups and sorts. */
export const CostEstimate = Type.Object(
  {
    predicted_ms: Type.Number(),
    memory_bytes: Type.Number(),
    rows_out: Type.Number(),
    bytes_read: Type.Number(),
    rows_processed: Type.Number(),
    /** By what the execution history of plans of this shape multiplies the analytic time; 1 without any. */
    learned_factor: Type.Number(),
    scans: Type.Array(ScanEstimate),
  },
  { $id: 'CostEstimate', additionalProperties: false },
);
export type CostEstimate = Static<typeof CostEstimate>;

/** `query_plan` is the `parsed_query` of the interpreter. */
export const OptimizeRequest = Type.Object(
  { query_plan: LogicalPlan },
  { $id: 'OptimizeRequest', additionalProperties: false },
);
export type OptimizeRequest = Static<typeof OptimizeRequest>;
export const planAlternatives = ['as_written', 'smallest_first'] as const;
export const PlanAlternative = Type.Object(
  { name: Type.Enum([...planAlternatives]), chosen: Type.Boolean(), cost: CostEstimate },
  { $id: 'PlanAlternative', additionalProperties: false },
);
export type PlanAlternative = Static<typeof PlanAlternative>;
/** `shape` names plans that differ in values only; it is sent back with the execution. */
export const OptimizeResponse = Type.Object(
  {
    optimized_plan: LogicalPlan,
    shape: Type.String(),
    cost: CostEstimate,
    alternatives: Type.Array(PlanAlternative),
    /** Statistics come from the catalog as of now, or from the cache within QUERY_CACHE_TTL. */
    statistics_cached: Type.Boolean(),
  },
  { $id: 'OptimizeResponse', additionalProperties: false },
);
export type OptimizeResponse = Static<typeof OptimizeResponse>;

export const EstimateRequest = Type.Object(
  { query_plan: LogicalPlan },
  { $id: 'EstimateRequest', additionalProperties: false },
);
export type EstimateRequest = Static<typeof EstimateRequest>;
export const EstimateResponse = Type.Object(
  {
    shape: Type.String(),
    cost: CostEstimate,
    tree: Type.String({ description: 'the plan with estimates, for people' }),
  },
  { $id: 'EstimateResponse', additionalProperties: false },
);
export type EstimateResponse = Static<typeof EstimateResponse>;

/** What a plan really took; sent by the operation node after the answer. */
export const ExecutionReport = Type.Object(
  {
    tenant_id: TenantId,
    query_id: Type.String(),
    shape: Type.String({ maxLength: 128 }),
    predicted_ms: Type.Number({ minimum: 0 }),
    execute_ms: Type.Number({ minimum: 0 }),
    rows_out: Type.Integer({ minimum: 0 }),
    bytes_read: Type.Integer({ minimum: 0 }),
    outcome: Type.Enum(['done', 'failed', 'cancelled', 'timed_out']),
  },
  { $id: 'ExecutionReport', additionalProperties: false },
);
export type ExecutionReport = Static<typeof ExecutionReport>;
export const executionReportsMax = 1_000;
export const ExecutionReports = Type.Object(
  { executions: Type.Array(ExecutionReport, { minItems: 1, maxItems: executionReportsMax }) },
  { $id: 'ExecutionReports', additionalProperties: false },
);
export type ExecutionReports = Static<typeof ExecutionReports>;

const Quantiles = Type.Object(
  { p50: Type.Number(), p95: Type.Number(), max: Type.Number() },
  { additionalProperties: false },
);
/** Executions of the caller's tenant since this process started. A q-error is max(predicted/actual, actual/predicted). */
export const ExecutionStats = Type.Object(
  {
    executions: Type.Integer(),
    outcomes: Type.Record(Type.String(), Type.Integer()),
    execute_ms: Type.Union([Quantiles, Type.Null()]),
    q_error: Type.Union([Quantiles, Type.Null()]),
    shapes: Type.Integer(),
    learning_enabled: Type.Boolean(),
  },
  { $id: 'ExecutionStats', additionalProperties: false },
);
export type ExecutionStats = Static<typeof ExecutionStats>;
export const ExecutionReported = Type.Object(
  { recorded: Type.Boolean() },
  { $id: 'ExecutionReported', additionalProperties: false },
);
