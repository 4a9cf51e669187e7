import { type Static, Type } from 'typebox';
import { Consistency, ResultCacheOption } from './data.ts';
import { type ErrorCode, errorCodes } from './errors.ts';
import { BatchId, Lsn, QueryId, SourceId, TenantId } from './identifiers.ts';
import { ReadColumns } from './parse.ts';
import { LogicalPlan } from './plan/index.ts';
import { Column, SourceDefinition } from './source-schema.ts';
import { FileStatistics } from './statistics.ts';

/** In what form rows are asked for, by its media type. */
export const answerTypes = {
  rows_json: 'application/json',
  rows_ndjson: 'application/x-ndjson',
  rows_csv: 'text/csv',
  rows_arrow: 'application/vnd.apache.arrow.stream',
} as const;
/** Of rows that are streamed. */
export const streamTypes = [answerTypes.rows_ndjson, answerTypes.rows_csv, answerTypes.rows_arrow] as const;
export type AnswerFormat = keyof typeof answerTypes;
export const answerFormats = ['rows_json', 'rows_ndjson', 'rows_csv', 'rows_arrow'] as const satisfies AnswerFormat[];

/**
 * `rows_json`: one QueryResponse. `rows_ndjson`: one object a row; a failure in mid-stream is a last line `{"error": …}`.
 * `rows_csv`: RFC 4180 with a header line. `rows_arrow`: an Arrow IPC stream. A failure in mid-stream ends these two early, and
 * LinesEnd behind them says so; whoever hands them on breaks his answer off.
 */
export const ExecuteRequest = Type.Object(
  {
    query_id: QueryId,
    plan: LogicalPlan,
    consistency: Consistency,
    format: Type.Enum([...answerFormats]),
    deadline_ms: Type.Integer({ minimum: 1, description: 'milliseconds left when the request was sent' }),
    /** Refuses the plan (`conflict`, `plan_too_old`) where a source has other columns; absent: the plan alone is checked. */
    rests_on: Type.Optional(Type.Array(ReadColumns)),
    result_rows_max: Type.Optional(Type.Integer({ minimum: 1 })),
    result_bytes_max: Type.Optional(Type.Integer({ minimum: 1 })),
    result_cache: Type.Optional(ResultCacheOption),
  },
  { $id: 'ExecuteRequest', additionalProperties: false },
);
export type ExecuteRequest = Static<typeof ExecuteRequest>;

/** The name of the HTTP trailer behind all but `rows_json`, whose text is a LinesEnd. */
export const linesEndTrailer = 'x-lines-end';
/** What a node says of rows behind them, so that nobody in between has to read them. */
export const LinesEnd = Type.Object(
  {
    rows: Type.Integer({ minimum: 0 }),
    execute_ms: Type.Number({ minimum: 0 }),
    bytes_read: Type.Integer({ minimum: 0 }),
    /** The code of the failure that ended the rows early; absent where all are there. */
    error: Type.Optional(Type.Unsafe<ErrorCode>(Type.Enum([...errorCodes]))),
  },
  { $id: 'LinesEnd', additionalProperties: false },
);
export type LinesEnd = Static<typeof LinesEnd>;

/**
 * Asks a member for what it acknowledged and the table does not hold yet. The answer is `application/octet-stream`: a
 * JSON line (FreshHeader), then the frames as they stand in its log, each with LSN > `after_lsn`.
 */
export const FreshRequest = Type.Object(
  { source_id: SourceId, after_lsn: Lsn },
  { $id: 'FreshRequest', additionalProperties: false },
);
export type FreshRequest = Static<typeof FreshRequest>;
export const FreshHeader = Type.Object(
  {
    log_id: Type.String(),
    app_id: Type.String(),
    acknowledged_lsn: Lsn,
    committed_lsn: Lsn,
    table_version: Type.Integer({ minimum: -1 }),
    /** Acknowledged rows of the source that this log has not committed, whatever `after_lsn` was. */
    unflushed_rows: Type.Integer({ minimum: 0 }),
    /** Why rows of the source are not flushed; absent when nothing is wrong. */
    flush_failing: Type.Optional(Type.String()),
    frames: Type.Integer(),
    bytes: Type.Integer(),
  },
  { $id: 'FreshHeader', additionalProperties: false },
);
export type FreshHeader = Static<typeof FreshHeader>;

/** Sources that a member says its positions of; those with unflushed rows come first. */
export const logPositionsMax = 1_000;
/** How far a member's log has acknowledged and committed rows of each source; `location` names the life of the source. */
export const LogPositions = Type.Object(
  {
    app_id: Type.String(),
    positions: Type.Array(
      Type.Object(
        { source_id: SourceId, location: Type.String(), acknowledged_lsn: Lsn, committed_lsn: Lsn },
        { additionalProperties: false },
      ),
      { maxItems: logPositionsMax },
    ),
  },
  { $id: 'LogPositions', additionalProperties: false },
);
export type LogPositions = Static<typeof LogPositions>;

export const nodeProblemKinds = ['FlushFailing', 'LogDamaged'] as const;
/** What is wrong with a node that serves, each until it passes. `message` names sources and segments, and no path. */
export const NodeProblem = Type.Object(
  {
    kind: Type.Enum([...nodeProblemKinds]),
    reason: Type.String(),
    source_id: Type.Optional(SourceId),
    since: Type.String(),
    message: Type.String(),
  },
  { $id: 'NodeProblem', additionalProperties: false },
);
export type NodeProblem = Static<typeof NodeProblem>;
export const nodeProblemsMax = 100;
export const memberStates = ['active', 'drained'] as const;
/** `members` are all that the node knows, itself among them; a node of an earlier version names none. */
export const NodeProblems = Type.Object(
  {
    pod: Type.String(),
    problems: Type.Array(NodeProblem, { maxItems: nodeProblemsMax }),
    members: Type.Optional(
      Type.Array(
        Type.Object({ pod: Type.String(), state: Type.Enum([...memberStates]) }, { additionalProperties: false }),
      ),
    ),
  },
  { $id: 'NodeProblems', additionalProperties: false },
);
export type NodeProblems = Static<typeof NodeProblems>;

export const Member = Type.Object(
  {
    pod: Type.String({ pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$' }),
    url: Type.String(),
    log_id: Type.String(),
    state: Type.Enum([...memberStates]),
    epoch: Type.Integer({ minimum: 1 }),
    /** Place in the order of joining: kept through crashes, new after a hand-over. Absent counts as 0. */
    since: Type.Optional(Type.Integer({ minimum: 0 })),
    /** When `since` was taken, by the member's own clock; milliseconds since 1970. */
    since_ms: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { $id: 'Member', additionalProperties: false },
);
export type Member = Static<typeof Member>;
/** Where a node that is about to join is to be found, for a member to try it. */
export const CallBackRequest = Type.Pick(Member, ['pod', 'url'], {
  $id: 'CallBackRequest',
  additionalProperties: false,
});
export type CallBackRequest = Static<typeof CallBackRequest>;
/** The member that has reached it. */
export const CallBackResponse = Type.Object(
  { pod: Type.String() },
  { $id: 'CallBackResponse', additionalProperties: false },
);
export type CallBackResponse = Static<typeof CallBackResponse>;

/** A member as one node of the tenant sees it now. */
export const MemberView = Type.Object(
  {
    pod: Type.String(),
    /** `active` members may hold acknowledged rows that no table holds yet; `drained` ones have left in order. */
    state: Type.Enum([...memberStates]),
    epoch: Type.Integer({ minimum: 1 }),
    url: Type.String(),
    /** Time of joining, in milliseconds since 1970. */
    since_ms: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
    /** Since when it cannot be reached, as this node has tried it; null while it answers, and for one that has left. */
    away_since: Type.Union([Type.String(), Type.Null()]),
    away_reason: Type.Union([Type.String(), Type.Null()]),
    /** Rows that it acknowledged and no table held when it last answered; null when it was never asked. */
    unflushed_rows: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
    unflushed_rows_at: Type.Union([Type.String(), Type.Null()]),
  },
  { $id: 'MemberView', additionalProperties: false },
);
export type MemberView = Static<typeof MemberView>;
export const MemberList = Type.Object(
  {
    /** The node that answers. */
    pod: Type.String(),
    /** Whether every active member knows it, so that it may acknowledge rows. */
    joined: Type.Boolean(),
    members: Type.Array(MemberView),
  },
  { $id: 'MemberList', additionalProperties: false },
);
export type MemberList = Static<typeof MemberList>;

/** Asks a node to write down that another one that is away has left for good, though it did not say so itself. */
export const GiveUpRequest = Type.Object(
  {
    pod: Type.String(),
    /** Rows that may be lost, as the answer to the request without it has named them; absent: only ask. */
    rows: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { $id: 'GiveUpRequest', additionalProperties: false },
);
export type GiveUpRequest = Static<typeof GiveUpRequest>;
export const GiveUpResponse = Type.Object(
  {
    given_up: Type.Boolean(),
    /** Rows that may be lost: those that no table held when the member last answered, or as many as a node may hold. */
    rows: Type.Integer({ minimum: 0 }),
    member: MemberView,
  },
  { $id: 'GiveUpResponse', additionalProperties: false },
);
export type GiveUpResponse = Static<typeof GiveUpResponse>;

export const JoinResponse = Type.Object(
  { pod: Type.String(), epoch: Type.Integer() },
  { $id: 'JoinResponse', additionalProperties: false },
);
export type JoinResponse = Static<typeof JoinResponse>;

/** Asks a member for the batch ids that it applied, or inherited, and that another one owns now: `pod`, which has joined. */
export const OwnedBatchesRequest = Type.Object(
  { pod: Type.String() },
  { $id: 'OwnedBatchesRequest', additionalProperties: false },
);
export type OwnedBatchesRequest = Static<typeof OwnedBatchesRequest>;
/** A key of the engine, its LSN, the rows that were accepted, and whether they were durable. */
const OwnedBatch = Type.Tuple([Type.String(), Lsn, Type.Integer({ minimum: 0 }), Type.Boolean()]);
export const OwnedBatchesResponse = Type.Object(
  { batches: Type.Array(OwnedBatch) },
  { $id: 'OwnedBatchesResponse', additionalProperties: false },
);
export type OwnedBatchesResponse = Static<typeof OwnedBatchesResponse>;

/** Asks a member whether it acknowledged a batch; it waits for one that is under way. */
export const FindBatchRequest = Type.Object(
  { source_id: SourceId, batch_id: BatchId },
  { $id: 'FindBatchRequest', additionalProperties: false },
);
export type FindBatchRequest = Static<typeof FindBatchRequest>;
export const FindBatchResponse = Type.Object(
  {
    found: Type.Union([
      Type.Object(
        { lsn: Lsn, accepted: Type.Integer({ minimum: 0 }), durable: Type.Boolean() },
        { additionalProperties: false },
      ),
      Type.Null(),
    ]),
  },
  { $id: 'FindBatchResponse', additionalProperties: false },
);
export type FindBatchResponse = Static<typeof FindBatchResponse>;

/** Drain: refuse new writes, flush and commit everything acknowledged, then mark the member drained. Repeatable; polled by the operator. */
export const DrainRequest = Type.Object(
  { cancel: Type.Optional(Type.Boolean()) },
  { $id: 'DrainRequest', additionalProperties: false },
);
export const DrainStatus = Type.Object(
  {
    pod: Type.String(),
    state: Type.Enum(['active', 'draining', 'drained']),
    unflushed_rows: Type.Integer(),
    error: Type.Optional(Type.String()),
  },
  { $id: 'DrainStatus', additionalProperties: false },
);
export type DrainStatus = Static<typeof DrainStatus>;

/** The whole table at its newest version, for the catalog. Paged by `offset` over files sorted by path at the pinned `version`. */
export const TableSnapshot = Type.Object(
  {
    tenant_id: TenantId,
    source_id: SourceId,
    definition: SourceDefinition,
    columns: Type.Array(Column),
    schema_version: Type.Integer(),
    table_version: Type.Integer(),
    committed_at: Type.Union([Type.String(), Type.Null()]),
    files_total: Type.Integer(),
    files: Type.Array(FileStatistics),
    next_offset: Type.Union([Type.Integer(), Type.Null()]),
    unflushed_rows: Type.Integer(),
  },
  { $id: 'TableSnapshot', additionalProperties: false },
);
export type TableSnapshot = Static<typeof TableSnapshot>;

/** Merge `paths` (of one partition value) into files of at most `file_bytes_max`; refused with `conflict` when a path is not live. */
export const CompactTableRequest = Type.Object(
  {
    groups: Type.Array(
      Type.Object(
        { paths: Type.Array(Type.String(), { minItems: 1, maxItems: 10_000 }) },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 1_000 },
    ),
    file_bytes_max: Type.Integer({ minimum: 1_048_576 }),
    retain_snapshots_hours: Type.Number({ minimum: 0 }),
  },
  { $id: 'CompactTableRequest', additionalProperties: false },
);
export type CompactTableRequest = Static<typeof CompactTableRequest>;
export const CompactTableResponse = Type.Object(
  {
    table_version: Type.Integer(),
    files_before: Type.Integer(),
    files_after: Type.Integer(),
    bytes_before: Type.Integer(),
    bytes_after: Type.Integer(),
  },
  { $id: 'CompactTableResponse', additionalProperties: false },
);
export type CompactTableResponse = Static<typeof CompactTableResponse>;

export const FlushResponse = Type.Object(
  { source_id: SourceId, rows: Type.Integer(), table_version: Type.Integer() },
  { $id: 'FlushResponse', additionalProperties: false },
);
export type FlushResponse = Static<typeof FlushResponse>;
export const InternalCancelled = Type.Object(
  { query_id: QueryId, cancelled: Type.Boolean() },
  { $id: 'InternalCancelled', additionalProperties: false },
);
