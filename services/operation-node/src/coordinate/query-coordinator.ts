import type { Readable } from 'node:stream';
import type {
  AnswerFormat,
  ErrorCode,
  ExecuteRequest,
  LogicalPlan,
  QueryStats,
  ReadColumns,
} from '@hybridstore/contracts';
import {
  type Admission,
  type AdmissionQueue,
  type Clock,
  createQueryId,
  HybridStoreError,
  isHybridStoreError,
  type Logger,
  retryLater,
  toHybridStoreError,
  userOf,
} from '@hybridstore/runtime';
import { Deadline, decideTimeoutMs, type TimeoutBounds } from '../domain/deadline.ts';
import { type KeptPlans, type PlannedQuery, withOwnLiterals } from '../domain/kept-plans.ts';
import type { ActiveQuery, QueryRegistry } from '../domain/query-registry.ts';
import type {
  Coordinator,
  ExecutionReporter,
  Executor,
  Interpreter,
  NodeAnswer,
  OptimizedQuery,
  Optimizer,
  Outcome,
  QueryAnswer,
  QueryCall,
  QueryMetrics,
  QueryOrder,
  QueryRequest,
} from '../ports.ts';
import { LineStream, type RowStream, type Stats, StatsMerger, WholeStream } from './answer-stream.ts';
import { failedOperationOf, withPlaces } from './locate-failure.ts';

export type CoordinatorParts = {
  readonly queue: AdmissionQueue;
  readonly registry: QueryRegistry;
  readonly plans: KeptPlans;
  readonly interpreter: Interpreter;
  readonly optimizer: Optimizer;
  readonly executor: Executor;
  readonly reporter: ExecutionReporter;
  readonly metrics: QueryMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Longest wait for a better plan. */
  readonly optimizeMsMax: number;
  readonly timeouts: TimeoutBounds;
};

/** A better plan may cost at most this share of the time that is left. */
const optimizeShare = 0.25;
/** Longest wait for the place of a failure. */
const locateMsMax = 2_000;

/**
 * Leads a query from its arrival to its last byte: wait for a place, have the text parsed and the plan optimized, have a
 * node of the tenant run it, pass the answer on. One abort signal stands behind every step: the deadline, a client that
 * goes away and a cancellation end the step that is on and whatever runs downstream.
 */
export class QueryCoordinator implements Coordinator {
  readonly #parts: CoordinatorParts;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
  }

  async ask(order: QueryOrder): Promise<QueryAnswer> {
    const run = new QueryRun(this.#parts, order);
    try {
      return await run.start();
    } catch (error) {
      run.fail(error);
      const reason = run.reasonOf(error);
      if (isRejection(reason)) this.#parts.metrics.countRejection();
      throw reason;
    }
  }
}

/** Only our own queue says at which place a query would have waited; services behind may be overloaded too. */
function isRejection(error: unknown): boolean {
  return isHybridStoreError(error, 'overloaded') && error.details['position'] !== undefined;
}

type Answered = { readonly bytes: number; readonly rows: number; readonly nodeStats: Stats };

const nothingAnswered: Answered = { bytes: 0, rows: 0, nodeStats: {} };

class QueryRun {
  readonly #parts: CoordinatorParts;
  readonly #order: QueryOrder;
  readonly #deadline: Deadline;
  readonly #query: ActiveQuery;
  readonly #stopListening: () => void;
  readonly #times = { queueMs: 0, planMs: 0 };
  #admission: Admission | undefined;
  #admittedMs = 0;
  #executingSinceMs = 0;
  #planned: PlannedQuery | undefined;
  #hasEnded = false;

  constructor(parts: CoordinatorParts, order: QueryOrder) {
    this.#parts = parts;
    this.#order = order;
    const requested = { timeoutSeconds: order.query.request.timeout_seconds, callerDeadlineMs: order.deadlineMs };
    this.#deadline = new Deadline(parts.clock, decideTimeoutMs(requested, parts.timeouts));
    const leave = () => this.#deadline.end(order.signal.reason);
    order.signal.addEventListener('abort', leave, { once: true });
    this.#stopListening = () => order.signal.removeEventListener('abort', leave);
    this.#query = {
      queryId: createQueryId(),
      tenantId: order.caller.tenant,
      subject: order.caller.subject,
      text: textOf(order.query),
      startedAtMs: parts.clock.now(),
      startedMs: parts.clock.monotonicMs(),
      timeoutMs: this.#deadline.timeoutMs,
      state: 'queued',
      cancel: (reason) => this.#deadline.end(reason),
    };
    parts.registry.add(this.#query);
    if (order.signal.aborted) leave();
  }

  async start(): Promise<QueryAnswer> {
    await this.#wait();
    const { plans } = this.#parts;
    const { caller, query } = this.#order;
    const kept = plans.find(caller, query);
    if (kept) {
      try {
        this.#planned = kept;
        return await this.#execute(kept, kept.restsOn);
      } catch (error) {
        if (!isOfOtherColumns(error)) throw error;
        plans.forget(caller, query);
      }
    }
    const planned = await this.#plan();
    plans.keep(caller, query, planned);
    this.#planned = withOwnLiterals(planned);
    return this.#execute(this.#planned);
  }

  async #wait(): Promise<void> {
    const { queue, clock, metrics } = this.#parts;
    const { caller } = this.#order;
    const owner = { tenant: caller.tenant, user: userOf(caller) };
    this.#admission = await queue.admit(owner, this.#deadline.signal);
    this.#admittedMs = clock.monotonicMs();
    this.#times.queueMs = this.#admittedMs - this.#query.startedMs;
    metrics.observeStage('queue', this.#times.queueMs);
  }

  async #plan(): Promise<PlannedQuery> {
    const { interpreter, clock, metrics } = this.#parts;
    this.#query.state = 'planning';
    const startedMs = clock.monotonicMs();
    const parsed = await interpreter.parse(this.#order.query, this.#call(this.#deadline.remainingMs()));
    metrics.observeStage('parse', clock.monotonicMs() - startedMs);
    const optimized = await this.#optimize(parsed.plan);
    this.#times.planMs = clock.monotonicMs() - startedMs;
    return { parsed, optimized };
  }

  /** Undefined when there is none in time: a query never fails for want of a better plan. */
  async #optimize(plan: LogicalPlan): Promise<OptimizedQuery | undefined> {
    const { optimizer, clock, metrics, logger, optimizeMsMax } = this.#parts;
    const startedMs = clock.monotonicMs();
    const timeoutMs = Math.max(1, Math.floor(Math.min(optimizeMsMax, this.#deadline.remainingMs() * optimizeShare)));
    try {
      return await optimizer.optimize(plan, this.#call(timeoutMs));
    } catch (error) {
      this.#deadline.signal.throwIfAborted();
      metrics.countFallback();
      logger.info('plan_not_optimized', { query_id: this.#query.queryId, reason: toHybridStoreError(error).code });
      return undefined;
    } finally {
      metrics.observeStage('optimize', clock.monotonicMs() - startedMs);
    }
  }

  async #execute(planned: PlannedQuery, restsOn?: readonly ReadColumns[]): Promise<QueryAnswer> {
    const { executor, clock } = this.#parts;
    const remainingMs = this.#deadline.remainingMs();
    this.#query.state = 'running';
    this.#executingSinceMs = clock.monotonicMs();
    const request: ExecuteRequest = {
      query_id: this.#query.queryId,
      plan: planned.optimized?.plan ?? planned.parsed.plan,
      consistency: this.#order.query.request.consistency ?? 'strict',
      format: this.#order.format,
      deadline_ms: remainingMs,
      ...(restsOn === undefined ? {} : { rests_on: [...restsOn] }),
      // Only where it says something: a node of an earlier version knows no such field.
      ...(this.#order.query.request.result_cache === false ? { result_cache: false } : {}),
    };
    const answer = await executor
      .execute(this.#order.caller.tenant, request, this.#call(remainingMs))
      .catch((error: unknown) => this.#failAtItsPlace(error));
    if (this.#deadline.signal.aborted) answer.body.destroy();
    this.#deadline.signal.throwIfAborted();
    const body = this.#pass(answer);
    return { queryId: this.#query.queryId, contentType: answer.contentType, body };
  }

  /** A node has the plan alone; who reads the text knows where it says what failed. The failure counts, with or without. */
  async #failAtItsPlace(error: unknown): Promise<never> {
    const { interpreter, logger } = this.#parts;
    const { query } = this.#order;
    const failed = failedOperationOf(error);
    if (failed === undefined || !isHybridStoreError(error) || query.kind !== 'sql') throw error;
    const timeoutMs = Math.max(1, Math.min(locateMsMax, this.#deadline.remainingMs()));
    const places = await interpreter.locate(query.request, failed, this.#call(timeoutMs)).catch((reason: unknown) => {
      logger.info('failure_not_located', { query_id: this.#query.queryId, reason: toHybridStoreError(reason).code });
      return [];
    });
    throw withPlaces(error, places);
  }

  /** Joins the node's bytes to the client's: what ends one ends the other, and the query. */
  #pass({ body: source, readLinesEnd }: NodeAnswer): Readable {
    const rows = rowStreamOf(this.#order.format, readLinesEnd);
    const answer = rows ?? new StatsMerger(() => this.#stats());
    const breakOff = (error: unknown) => {
      if (this.#hasEnded) return;
      const reason = toHybridStoreError(this.reasonOf(error));
      this.#end(this.#outcomeOf(reason.code), answer);
      source.unpipe(answer);
      source.destroy();
      const { code, message, details } = reason;
      const isReported =
        rows instanceof LineStream && rows.endWith({ code, message, details, request_id: this.#order.requestId });
      if (!isReported) answer.destroy(reason);
    };
    source.on('error', (cause) => breakOff(brokenOff(cause)));
    // Whoever reads the answer shows the error to the client; it is also how the node's word of a failure arrives.
    answer.on('error', breakOff);
    source.once('close', () => {
      if (!source.readableEnded) breakOff(brokenOff());
    });
    const stop = () => breakOff(this.#deadline.signal.reason);
    this.#deadline.signal.addEventListener('abort', stop, { once: true });
    answer.once('end', () => {
      const failure = rows?.failure;
      this.#end(failure === undefined ? 'done' : this.#outcomeOf(failure), answer);
    });
    answer.once('close', () => {
      this.#deadline.signal.removeEventListener('abort', stop);
      breakOff(new HybridStoreError('unavailable', 'the client went away'));
    });
    return source.pipe(answer);
  }

  /** The query ended before there was an answer. */
  fail(error: unknown): void {
    this.#end(this.#outcomeOf(toHybridStoreError(this.reasonOf(error)).code), nothingAnswered);
  }

  /** A query that was ended on purpose ended for that reason, whatever broke on the way. */
  reasonOf(error: unknown): unknown {
    return this.#deadline.signal.aborted ? this.#deadline.signal.reason : error;
  }

  #outcomeOf(code: ErrorCode): Outcome {
    if (code === 'deadline_exceeded') return 'timed_out';
    return code === 'gone' || this.#order.signal.aborted ? 'cancelled' : 'failed';
  }

  #end(outcome: Outcome, answered: Answered): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { registry, clock, metrics, logger } = this.#parts;
    const { queryId, tenantId, startedMs } = this.#query;
    const nowMs = clock.monotonicMs();
    registry.remove(queryId);
    this.#deadline.clear();
    this.#stopListening();
    this.#admission?.release(nowMs - this.#admittedMs);
    metrics.countQuery(outcome);
    if (this.#query.state === 'running') this.#endExecution(outcome, answered, nowMs - this.#executingSinceMs);
    const fields = { query_id: queryId, tenant: tenantId, outcome, elapsed_ms: round(nowMs - startedMs) };
    logger.info('query_ended', { ...fields, answer_bytes: answered.bytes, rows: answered.rows });
  }

  #endExecution(outcome: Outcome, { rows, nodeStats }: Answered, executeMs: number): void {
    const { reporter, executor, metrics } = this.#parts;
    const { queryId, tenantId } = this.#query;
    metrics.observeStage('execute', executeMs);
    if (outcome === 'cancelled' || outcome === 'timed_out') void executor.cancel(tenantId, queryId);
    const optimized = this.#planned?.optimized;
    // Without a prediction there is nothing to learn from.
    if (!optimized) return;
    reporter.report({
      tenant_id: tenantId,
      query_id: queryId,
      shape: optimized.shape,
      predicted_ms: optimized.predictedMs,
      // The node's own time where the answer holds it: ours also counts the wait for a slow reader.
      execute_ms: readNumber(nodeStats['execute_ms'] ?? nodeStats['elapsed_ms'], executeMs),
      rows_out: rows,
      bytes_read: Math.floor(readNumber(nodeStats['bytes_read'], 0)),
      outcome,
    });
  }

  /** What only the coordinator knows of the query, at the end of its answer. */
  #stats(): Partial<QueryStats> {
    const nowMs = this.#parts.clock.monotonicMs();
    return {
      query_id: this.#query.queryId,
      elapsed_ms: round(nowMs - this.#query.startedMs),
      queue_ms: round(this.#times.queueMs),
      plan_ms: round(this.#times.planMs),
      execute_ms: round(nowMs - this.#executingSinceMs),
      plan_cached: this.#planned?.parsed.planCached ?? false,
      optimized: this.#planned?.optimized !== undefined,
    };
  }

  #call(timeoutMs: number): QueryCall {
    const { caller, requestId } = this.#order;
    return { token: caller.token, requestId, timeoutMs, signal: this.#deadline.signal };
  }
}

function rowStreamOf(format: AnswerFormat, readEnd: NodeAnswer['readLinesEnd']): RowStream | undefined {
  if (format === 'rows_json') return undefined;
  return format === 'rows_ndjson' ? new LineStream(readEnd) : new WholeStream(readEnd);
}

/** A kept plan is not for the sources as they are now: one has other columns, or is gone. Nothing of it was run. */
function isOfOtherColumns(error: unknown): boolean {
  if (!isHybridStoreError(error)) return false;
  const { code, details } = error;
  if (code === 'conflict') return details['plan_too_old'] === true;
  // A node of an earlier version compares no columns, and says that it knows no such field.
  return code === 'not_found' || (code === 'invalid_request' && details['field'] === 'rests_on');
}

function textOf(query: QueryRequest): string {
  return query.kind === 'sql' ? query.request.query : JSON.stringify(query.request.query);
}

function brokenOff(cause?: unknown): HybridStoreError {
  const { message, details } = retryLater('unavailable', 'the node broke its answer off', 1_000);
  return new HybridStoreError('unavailable', message, details, { cause });
}

function readNumber(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : fallback;
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
