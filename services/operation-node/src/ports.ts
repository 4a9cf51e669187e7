import type { Readable } from 'node:stream';
import type {
  Dialect,
  DslQueryRequest,
  ExecuteRequest,
  ExecutionReport,
  FailedOperation,
  LiftedLiteral,
  LinesEnd,
  LogicalPlan,
  ParameterKey,
  ReadColumns,
  RunningQuery,
  SqlQueryRequest,
} from '@hybridstore/contracts';
import type { TenantCaller } from '@hybridstore/runtime';

/** On whose behalf, and how long a call may take. `signal` ends it at once. */
export type QueryCall = {
  readonly token: string;
  readonly requestId: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** What a caller asks, as text or in the DSL. */
export type QueryRequest =
  | { readonly kind: 'sql'; readonly request: SqlQueryRequest }
  | { readonly kind: 'dsl'; readonly request: DslQueryRequest };

/** In the text of a statement, counted from 1. */
export type Place = { readonly line: number; readonly column: number };

export type ParsedQuery = {
  readonly plan: LogicalPlan;
  readonly planCached: boolean;
  /** What it was made for; undefined where nobody said so. */
  readonly restsOn: readonly ReadColumns[] | undefined;
  /** Whose value each of its parameters is. */
  readonly parameterKeys: readonly ParameterKey[];
  /** Those of its parameters that are literals of the statement, in their order; then it has no others. */
  readonly lifted: readonly LiftedLiteral[];
  /** In which the statement was read; undefined for what is no SQL. */
  readonly dialect: Dialect | undefined;
};

/** Text to a checked plan. Refuses what is wrong with the text as `invalid_request`, `forbidden`, `not_found`. */
export interface Interpreter {
  parse(query: QueryRequest, call: QueryCall): Promise<ParsedQuery>;
  /** Where a statement says what failed while its plan ran. */
  locate(request: SqlQueryRequest, failed: FailedOperation, call: QueryCall): Promise<readonly Place[]>;
}

/** `shape` and `predictedMs` go back to the optimizer with what the plan really took. */
export type OptimizedQuery = { readonly plan: LogicalPlan; readonly shape: string; readonly predictedMs: number };

/** A better plan of the same meaning. Whatever it throws, the plan as parsed is good. */
export interface Optimizer {
  optimize(plan: LogicalPlan, call: QueryCall): Promise<OptimizedQuery>;
}

export interface NodeAnswer {
  readonly body: Readable;
  readonly contentType: string;
  /** What a node has said behind its lines; undefined before they have ended, and where it says nothing. */
  readLinesEnd(): LinesEnd | undefined;
}

/** The nodes of a tenant. */
export interface Executor {
  execute(tenantId: string, request: ExecuteRequest, call: QueryCall): Promise<NodeAnswer>;
  /** Best effort, beside the aborted call: stops what a node may still run. */
  cancel(tenantId: string, queryId: string): Promise<void>;
}

export type Outcome = ExecutionReport['outcome'];

/** Reports to the optimizer how a plan went. Never fails and never waits. */
export interface ExecutionReporter {
  report(execution: ExecutionReport): void;
}

export type QueryOrder = {
  readonly caller: TenantCaller;
  readonly requestId: string;
  readonly query: QueryRequest;
  readonly format: ExecuteRequest['format'];
  /** Milliseconds that the caller leaves for the answer, when it said so. */
  readonly deadlineMs: number | undefined;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
};

/** The answer as it comes; the query ends when `body` ends or is destroyed. */
export type QueryAnswer = { readonly queryId: string; readonly contentType: string; readonly body: Readable };

/** Throws what refuses or ends the query before there is an answer. */
export interface Coordinator {
  ask(order: QueryOrder): Promise<QueryAnswer>;
}

/** On whose behalf the other replicas are asked. */
export type AskedReplicas = { readonly caller: TenantCaller; readonly requestId: string };

/** The other replicas of this service, each of which knows its own queries only. */
export interface Replicas {
  /** Throws `unavailable` or `deadline_exceeded` where one of them gives no answer; one that is not there has no queries. */
  list(asked: AskedReplicas): Promise<readonly RunningQuery[]>;
  /**
   * Whether one of them stopped the query. Throws `forbidden` for a query of somebody else, and `unavailable` or
   * `deadline_exceeded` where one that gives no answer may have it.
   */
  cancel(queryId: string, asked: AskedReplicas): Promise<boolean>;
}

export type Stage = 'queue' | 'parse' | 'optimize' | 'execute';

export interface QueryMetrics {
  observeStage(stage: Stage, ms: number): void;
  countQuery(outcome: Outcome): void;
  countFallback(): void;
  countRejection(): void;
}
