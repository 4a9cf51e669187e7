import {
  type Consistency,
  type LogicalPlan,
  type QueryStats,
  type ReadColumns,
  type ResultColumn,
  readStaleMsMax,
  warningsMax,
} from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import type { MadeUpNames, PlanSchemas } from '@hybridstore/plan';
import {
  AdmissionQueue,
  type Clock,
  HybridStoreError,
  isHybridStoreError,
  type Logger,
  orAborted,
  retryLater,
} from '@hybridstore/runtime';
import { takeBoundedView } from './bounded-view.ts';
import type { FreshFeed } from './fresh-feed.ts';
import type { LogMarks } from './log-marks.ts';
import { type MemoryTurn, MemoryTurns } from './memory-turns.ts';
import type { Members } from './ports.ts';
import {
  type Execution,
  ExecutionLost,
  type Executor,
  type ExecutorChild,
  type RowPiece,
  type RowShape,
  type StatementRequest,
  type StatementView,
  ViewGone,
} from './ports.ts';
import type { Entrance, Lead, ResultCache } from './result-cache.ts';
import { describeSilence, staleMsOf } from './silent-members.ts';
import { type PrintedPlan, printStatement, type ReadFigures, requireSoundPlan, requireYoungPlan } from './statement.ts';
import { type SourceView, takeCommittedView, takeStrictView } from './strict-view.ts';
import { ViewPins } from './view-pins.ts';

export type QueryLimits = {
  readonly concurrentMax: number;
  readonly waitingMax: number;
  readonly statementMsMax: number;
  readonly resultRowsMax: number;
  readonly resultBytesMax: number;
  /** Of the executor, for all statements at once. */
  readonly memoryBytesMax: number;
};

export type QueryRunnerPorts = {
  readonly engine: Engine;
  readonly executor: Executor;
  readonly members: Members;
  readonly marks: LogMarks;
  readonly feed: Pick<FreshFeed, 'note'>;
  readonly results: ResultCache;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly node: string;
  /** Notified of each wait for a place or for memory. */
  readonly observeWait: (waitMs: number) => void;
};

export type QueryRequest = {
  readonly queryId: string;
  /** Users take turns. */
  readonly user: string;
  readonly plan: LogicalPlan;
  /** Columns that the plan was made for; absent: it is enough that it is sound. */
  readonly restsOn?: readonly ReadColumns[];
  readonly consistency: Consistency;
  /** False: it is run, whatever was answered before, and its answer is not kept. */
  readonly resultCache?: boolean | undefined;
  readonly shape: RowShape;
  readonly separator: ',' | '\n';
  /** The whole query, its wait and the reading of its rows included. */
  readonly deadlineMs: number;
  readonly rowsMax?: number;
  readonly bytesMax?: number;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
};

/** A query whose first rows are there. `pieces` throws what ended it early; `stats` are complete after the last piece. */
export interface RunningQuery {
  readonly columns: readonly ResultColumn[];
  pieces(): AsyncIterable<RowPiece>;
  stats(): QueryStats;
  /** Settles when the query holds no resource any more. Never rejects. */
  readonly finished: Promise<void>;
  cancel(reason: Error): void;
}

const attemptsMax = 3;
/** A query waits for the answer of another one at most so often before it is run itself. */
const sharesMax = 2;
/** A node has one tenant; its users take turns. */
const onlyTenant = 'own';
/** How long the engine may take to notice an interrupt before its process is killed, with its neighbours. */
const stopMsMax = 200;
/** A reader who merely left does not justify killing neighbours as fast; what he left ends within a second all the same. */
const leaveMsMax = 700;
/** The rest of the executor's memory is for statements that need little, which wait for nobody. */
const heavyShare = 0.8;
/** A heavy statement counts for at least this share of theirs. */
const heavyShareMin = 1 / 8;
/** What is left of a query's time must be of some use to it when it has its memory. */
const memoryWaitShare = 0.75;

type Opened = {
  readonly kind: 'opened';
  readonly execution: Execution;
  readonly explain: (error: unknown) => unknown;
  readonly reads: ReadFigures;
  readonly path: 'scan' | 'metadata';
  readonly isRepeated: boolean;
  readonly views: ReadonlyMap<string, SourceView>;
  readonly columns: readonly ResultColumn[];
};

type Prepared = Pick<PrintedPlan, 'reads' | 'path' | 'names' | 'memoryBytes'> & {
  readonly child: ExecutorChild;
  readonly statement: StatementRequest;
  readonly views: ReadonlyMap<string, SourceView>;
};

/** What a query has of the executor's memory. Without a turn it is one of those that need little, or has not begun. */
type Memory = {
  turn: MemoryTurn | undefined;
  wasAskedForAll: boolean;
  /** How often it may still wait for another query to give its answer. */
  sharesLeft: number;
};
/** Bytes that a query must wait for before it can go on; it holds neither its place nor a view meanwhile. */
type MemoryNeed = { readonly kind: 'need'; readonly bytes: number };
/** Another query is run that may give its answer; it holds nothing meanwhile. */
type AnswerNeed = Extract<Entrance, { readonly kind: 'wait' }>;
type Need = MemoryNeed | AnswerNeed;

/**
 * Runs plans: waits for a turn, takes a view of every source, prints, executes, and lets go of everything at the end. A
 * query that loses its child through no fault of its own, or whose view is gone, starts again as long as no row of it has
 * been given out.
 *
 *   place ─▶ view, print, predict ─▶ needs little, or what it needs is free ─▶ run
 *     ▲                  ╰──────────▶ else: gives its place back, waits for its memory ──╮
 *     ╰──────────────────────────────────────────────────────────────────────────────────╯
 *
 * A statement that runs out of memory beside others is run once more with all that heavy ones may have, beside none of them.
 */
export class QueryRunner {
  readonly #ports: QueryRunnerPorts;
  readonly #limits: QueryLimits;
  readonly #queue: AdmissionQueue;
  readonly #turns: MemoryTurns;
  /** Beyond this a statement is a heavy one. */
  readonly #lightBytesMax: number;
  readonly #stops = new Map<string, AbortController>();
  readonly #onIdle: (() => void)[] = [];
  #sharing = 0;
  #isClosed = false;

  constructor(ports: QueryRunnerPorts, limits: QueryLimits) {
    this.#ports = ports;
    this.#limits = limits;
    const { concurrentMax, waitingMax, memoryBytesMax } = limits;
    const heavyBytes = Math.floor(memoryBytesMax * heavyShare);
    this.#turns = new MemoryTurns({ bytesMax: heavyBytes, waitingMax, clock: ports.clock });
    this.#lightBytesMax = (memoryBytesMax - heavyBytes) / concurrentMax;
    this.#queue = new AdmissionQueue({
      runningMax: concurrentMax,
      runningPerTenantMax: concurrentMax,
      waitingMax,
      waitingPerTenantMax: waitingMax,
    });
  }

  get running(): number {
    return this.#queue.running;
  }

  /** For a place, for memory, or for the answer of another query. */
  get waiting(): number {
    return this.#queue.waiting + this.#turns.waiting + this.#sharing;
  }

  /** Of the executor's memory, by heavy statements. */
  get grantedBytes(): number {
    return this.#turns.grantedBytes;
  }

  /** Columns of sources as the newest table versions have them. `not_found` names the first that does not exist. */
  async schemas(sourceIds: readonly string[]): Promise<PlanSchemas> {
    const states = await Promise.all(sourceIds.map((sourceId) => this.#ports.engine.source(sourceId)));
    return new Map(states.map((state) => [state.sourceId, { columns: state.columns }]));
  }

  /** As the versions that were looked at last have them; undefined where one of the sources was never looked at. */
  knownSchemas(sourceIds: readonly string[]): PlanSchemas | undefined {
    const states = sourceIds.map((sourceId) => this.#ports.engine.known(sourceId));
    return states.every((state) => state !== undefined)
      ? new Map(states.map((state) => [state.sourceId, { columns: state.columns }]))
      : undefined;
  }

  /** False when no query of that id is here. */
  cancel(queryId: string): boolean {
    const stop = this.#stops.get(queryId);
    stop?.abort(new HybridStoreError('unavailable', 'the query was cancelled', { query_id: queryId }));
    return stop !== undefined;
  }

  /** Resolves when no query is running or waiting, and at the latest after `msMax`. */
  async settle(msMax: number): Promise<void> {
    if (this.#stops.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#ports.clock.schedule(msMax, resolve);
    this.#onIdle.push(resolve);
    await promise;
    cancel();
  }

  /** Ends every query and takes no more. */
  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stops.values()) stop.abort(shuttingDown());
  }

  /** Resolves with the first rows. Errors: those of a statement, `overloaded`, `unavailable`, `deadline_exceeded`, `conflict` for an id in use. */
  async start(request: QueryRequest): Promise<RunningQuery> {
    if (this.#isClosed) throw shuttingDown();
    if (this.#stops.has(request.queryId))
      throw new HybridStoreError('conflict', `query ${request.queryId} is running already`);
    const { stop, release } = this.#watch(request);
    const enteredMs = this.#ports.clock.monotonicMs();
    const opened = Promise.withResolvers<RunningQuery>();
    const finished: Promise<void> = this.#takeTurns(request, stop, { enteredMs, opened, finished: () => finished })
      .catch((error: unknown) => opened.reject(error))
      .finally(release);
    return opened.promise;
  }

  /** Nobody waits for memory in a place, so whoever has memory gets a place as soon as others come to their end. */
  async #takeTurns(request: QueryRequest, stop: AbortController, run: Entered): Promise<void> {
    const { clock, observeWait } = this.#ports;
    const memory: Memory = { turn: undefined, wasAskedForAll: false, sharesLeft: sharesMax };
    const waitUntilMs = run.enteredMs + memoryWaitShare * this.#deadlineMs(request);
    try {
      for (;;) {
        const need = await this.#takePlace(request, stop, run, memory);
        if (!need) return;
        if (need.kind === 'wait') {
          await this.#waitForAnswer(need, memory, stop.signal);
          continue;
        }
        memory.turn?.release();
        const askedMs = clock.monotonicMs();
        const msMax = Math.max(0, waitUntilMs - askedMs);
        memory.turn = await this.#turns.take(request.user, need.bytes, { msMax, signal: stop.signal });
        observeWait(clock.monotonicMs() - askedMs);
      }
    } finally {
      memory.turn?.release();
    }
  }

  /** Whoever leaves, or has no time left, waits no longer. The views of afterwards are new ones. */
  async #waitForAnswer({ ended }: AnswerNeed, memory: Memory, signal: AbortSignal): Promise<void> {
    const { clock, observeWait } = this.#ports;
    const askedMs = clock.monotonicMs();
    this.#sharing += 1;
    const how = await orAborted(ended, signal).finally(() => {
      this.#sharing -= 1;
    });
    memory.sharesLeft = how === 'too_large' ? 0 : memory.sharesLeft - 1;
    observeWait(clock.monotonicMs() - askedMs);
  }

  async #takePlace(
    request: QueryRequest,
    stop: AbortController,
    run: Entered,
    memory: Memory,
  ): Promise<Need | undefined> {
    const { clock, observeWait } = this.#ports;
    const askedMs = clock.monotonicMs();
    const admission = await this.#queue.admit({ tenant: onlyTenant, user: request.user }, stop.signal);
    const startedMs = clock.monotonicMs();
    observeWait(startedMs - askedMs);
    try {
      return await this.#serve(request, stop, { ...run, startedMs }, memory);
    } finally {
      admission.release(clock.monotonicMs() - startedMs);
    }
  }

  /** One signal for everything that ends a query: its deadline, its caller, a cancellation. */
  #watch(request: QueryRequest): { readonly stop: AbortController; readonly release: () => void } {
    const stop = new AbortController();
    this.#stops.set(request.queryId, stop);
    const deadlineMs = this.#deadlineMs(request);
    const cancelTimer = this.#ports.clock.schedule(deadlineMs, () => stop.abort(deadlineExceeded(deadlineMs)));
    const leave = () => stop.abort(leaveReason(request.signal.reason, deadlineMs));
    if (request.signal.aborted) leave();
    else request.signal.addEventListener('abort', leave, { once: true });
    return {
      stop,
      release: () => {
        cancelTimer();
        request.signal.removeEventListener('abort', leave);
        this.#stops.delete(request.queryId);
        if (this.#stops.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
      },
    };
  }

  #deadlineMs({ deadlineMs }: QueryRequest): number {
    return Math.min(deadlineMs, this.#limits.statementMsMax);
  }

  /**
   * Holds the query's place, and the files of its views, until its last row is read, it has failed, or it is to wait for
   * memory.
   */
  async #serve(request: QueryRequest, stop: AbortController, run: Run, memory: Memory): Promise<Need | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const pins = new ViewPins();
      try {
        const opened = await this.#open(request, stop.signal, pins, memory);
        if (opened.kind !== 'opened') return opened;
        run.opened.resolve(this.#describe(request, stop, opened, run));
        await opened.execution.ended.catch(() => {});
        return undefined;
      } catch (error) {
        if (!stop.signal.aborted && mayRunAlone(error, memory)) return this.#askForAll(request, memory, error);
        if (attempt >= attemptsMax || stop.signal.aborted || !isWorthAnotherTry(error)) throw asAnswer(error);
        this.#ports.logger.info('query_restarted', { query_id: request.queryId, attempt, error });
      } finally {
        pins.release();
      }
    }
  }

  #askForAll(request: QueryRequest, memory: Memory, error: unknown): MemoryNeed {
    memory.wasAskedForAll = true;
    this.#ports.logger.info('query_runs_alone', { query_id: request.queryId, error });
    return { kind: 'need', bytes: this.#turns.bytesMax };
  }

  async #open(request: QueryRequest, signal: AbortSignal, pins: ViewPins, memory: Memory): Promise<Opened | Need> {
    // Stores and members may be slow to answer, and some of them know no signal: the place does not wait for them.
    const prepared = await orAborted(this.#prepare(request, signal, pins), signal);
    const { views, reads, path } = prepared;
    const entrance = this.#enter(request, prepared, memory);
    if (entrance.kind === 'wait') return entrance;
    if (entrance.kind === 'kept') {
      const { execution } = entrance;
      const columns = await execution.started;
      const explain = (error: unknown) => error;
      return { kind: 'opened', execution, views, explain, reads: noReads(reads), path, columns, isRepeated: true };
    }
    const lead = entrance.kind === 'lead' ? entrance.lead : undefined;
    try {
      return await this.#run(request, prepared, lead, { signal, memory });
    } catch (error) {
      lead?.giveUp();
      throw error;
    }
  }

  /** Who has memory already, or has waited for others often enough, waits for nobody. */
  #enter(request: QueryRequest, { views, statement }: Prepared, memory: Memory): Entrance {
    if (request.resultCache === false) return { kind: 'alone' };
    const { shape, separator, rowsMax, bytesMax } = statement;
    const entrance = this.#ports.results.enter({ plan: request.plan, views, shape, separator, rowsMax, bytesMax });
    const mayWait = memory.turn === undefined && memory.sharesLeft > 0;
    return entrance.kind === 'wait' && !mayWait ? { kind: 'alone' } : entrance;
  }

  async #run(
    request: QueryRequest,
    { child, statement, views, names, reads, path, memoryBytes }: Prepared,
    lead: Lead | undefined,
    { signal, memory }: { readonly signal: AbortSignal; readonly memory: Memory },
  ): Promise<Opened | MemoryNeed> {
    if (memory.turn === undefined && memoryBytes > this.#lightBytesMax) {
      const bytes = Math.max(memoryBytes, this.#turns.bytesMax * heavyShareMin);
      memory.turn = this.#turns.tryTake(bytes);
      if (!memory.turn) {
        lead?.giveUp();
        return { kind: 'need', bytes };
      }
    }
    const started = child.run(statement);
    this.#stopWith(signal, started);
    const execution = lead?.keep(started) ?? started;
    const explain = (error: unknown) => this.#explain(error, request.queryId, names);
    const columns = await execution.started.catch((error: unknown) => Promise.reject(explain(error)));
    return { kind: 'opened', execution, views, explain, reads, path, columns, isRepeated: false };
  }

  async #prepare(request: QueryRequest, signal: AbortSignal, pins: ViewPins): Promise<Prepared> {
    const sourceIds = request.plan.tables.map((table) => table.source);
    const child = await this.#ports.executor.acquire(signal);
    const taken = await Promise.all(sourceIds.map((id) => this.#takeView(child, id, request, { signal, pins })));
    signal.throwIfAborted();
    const views = new Map(taken.map((view) => [view.sourceId, view]));
    const schemas: PlanSchemas = new Map(taken.map(({ sourceId, state: { columns } }) => [sourceId, { columns }]));
    requireYoungPlan(request.restsOn ?? [], schemas);
    requireSoundPlan(request.plan, schemas);
    const { reads, path, names, memoryBytes, ...printed } = printStatement(request.plan, views);
    const statement = {
      ...printed,
      views: await this.#bringToLocal(printed.views),
      shape: request.shape,
      separator: request.separator,
      rowsMax: request.rowsMax ?? this.#limits.resultRowsMax,
      bytesMax: request.bytesMax ?? this.#limits.resultBytesMax,
    };
    return { child, statement, views, names, reads, path, memoryBytes };
  }

  async #bringToLocal(views: readonly StatementView[]): Promise<readonly StatementView[]> {
    const { engine } = this.#ports;
    return Promise.all(
      views.map(async (view) => {
        const paths = await engine.bringToLocal(view.files.map(({ path }) => path));
        return { ...view, files: view.files.map((file, index) => ({ ...file, path: paths[index] ?? file.path })) };
      }),
    );
  }

  async #takeView(
    child: ExecutorChild,
    sourceId: string,
    request: QueryRequest,
    run: { readonly signal: AbortSignal; readonly pins: ViewPins },
  ): Promise<SourceView> {
    this.#ports.feed.note(sourceId);
    const view = await this.#lookAt(child, sourceId, request.consistency, run.signal);
    run.pins.add(this.#ports.engine.pin(view.state));
    return view;
  }

  #lookAt(child: ExecutorChild, sourceId: string, consistency: Consistency, signal: AbortSignal): Promise<SourceView> {
    if (consistency === 'committed') return takeCommittedView(this.#ports.engine, sourceId);
    const staleMsMax = readStaleMsMax(consistency);
    if (staleMsMax === undefined) return takeStrictView(this.#ports, child, sourceId, signal);
    return takeBoundedView(this.#ports, child, sourceId, { staleMsMax, signal });
  }

  #stopWith(signal: AbortSignal, execution: Execution): void {
    const cancel = () => {
      const reason: unknown = signal.reason;
      const isUrgent = isDeadline(reason) || this.#ports.executor.running <= 1;
      const error = reason instanceof Error ? reason : new HybridStoreError('unavailable', 'the query was cancelled');
      execution.cancel(error, isUrgent ? stopMsMax : leaveMsMax);
    };
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    const forget = () => signal.removeEventListener('abort', cancel);
    execution.ended.then(forget, forget);
  }

  /**
   * An error of a statement speaks of the names in its text, which are made up. Where more is known than may be said, it
   * stands in the log under the id of the query.
   */
  #explain(error: unknown, queryId: string, names: MadeUpNames): unknown {
    if (!isHybridStoreError(error)) return error;
    const { code, details, cause } = error;
    const message = code === 'invalid_request' ? names.restore(error.message) : error.message;
    if (!(cause instanceof Error)) return new HybridStoreError(code, message, details);
    const level = code === 'invalid_request' || code === 'too_large' ? 'info' : 'error';
    this.#ports.logger[level]('statement_failed', { query_id: queryId, code, engine: cause.message });
    return new HybridStoreError(code, message, { ...details, query_id: queryId }, { cause });
  }

  #describe(request: QueryRequest, stop: AbortController, opened: Opened, run: Run): RunningQuery {
    const { execution, explain, reads, path, isRepeated, views } = opened;
    const silent = [...views.values()].flatMap((view) => view.without);
    let freshRows = 0;
    execution.ended.then(
      (end) => {
        freshRows = end.freshRows;
      },
      () => {},
    );
    return {
      columns: opened.columns,
      pieces: () => readPieces(execution, explain),
      finished: run.finished(),
      cancel: (reason) => stop.abort(reason),
      stats: () => {
        const nowMs = this.#ports.clock.monotonicMs();
        return {
          query_id: request.queryId,
          elapsed_ms: roundMs(nowMs - run.enteredMs),
          queue_ms: roundMs(run.startedMs - run.enteredMs),
          execute_ms: roundMs(nowMs - run.startedMs),
          path,
          ...(isRepeated ? { result_cached: true } : {}),
          consistency: request.consistency,
          files_total: reads.filesTotal,
          files_read: reads.filesRead,
          bytes_read: reads.bytesRead,
          fresh_rows: freshRows,
          snapshots: Object.fromEntries([...views].map(([id, view]) => [id, view.state.version])),
          node: this.#ports.node,
          ...staleMsOf(silent),
          warnings: [...describeSilence(silent), ...(request.plan.warnings ?? [])].slice(0, warningsMax),
        };
      },
    };
  }
}

function noReads({ filesTotal }: ReadFigures): ReadFigures {
  return { filesTotal, filesRead: 0, bytesRead: 0 };
}

type Entered = {
  readonly enteredMs: number;
  readonly opened: PromiseWithResolvers<RunningQuery>;
  readonly finished: () => Promise<void>;
};
type Run = Entered & { readonly startedMs: number };

async function* readPieces(execution: Execution, explain: Opened['explain']): AsyncGenerator<RowPiece> {
  try {
    yield* execution.pieces();
    await execution.ended;
  } catch (error) {
    throw asAnswer(explain(error));
  }
}

/**
 * Whether it ran out of memory, or of room to spill, beside others. What failed with all there is, or beside nobody, fails
 * the same way again.
 */
function mayRunAlone(error: unknown, { turn, wasAskedForAll }: Memory): boolean {
  if (wasAskedForAll || !isHybridStoreError(error, 'too_large')) return false;
  const { limit } = error.details;
  return (limit === 'memory' || limit === 'spill') && turn?.hadCompany !== false;
}

function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof ViewGone || (error instanceof ExecutionLost && error.isInnocent);
}

/** What the caller gets of an end that only the executor's own words describe. */
function asAnswer(error: unknown): unknown {
  if (!(error instanceof ExecutionLost || error instanceof ViewGone)) return error;
  return new HybridStoreError(
    'unavailable',
    'the SQL executor was lost while it ran the query',
    { retry_after_ms: 1_000 },
    { cause: error },
  );
}

function deadlineExceeded(deadlineMs: number): HybridStoreError {
  return new HybridStoreError('deadline_exceeded', `the query did not end within ${deadlineMs} ms`, {
    deadline_ms: deadlineMs,
  });
}

function shuttingDown(): HybridStoreError {
  return retryLater('unavailable', 'the node is shutting down', 1_000);
}

/** A caller's own deadline arrives as the platform's time-out error. */
function leaveReason(reason: unknown, deadlineMs: number): HybridStoreError {
  if (reason instanceof HybridStoreError) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') return deadlineExceeded(deadlineMs);
  return new HybridStoreError('unavailable', 'the caller went away', {}, { cause: reason });
}

function isDeadline(reason: unknown): boolean {
  return reason instanceof HybridStoreError && reason.code === 'deadline_exceeded';
}

function roundMs(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
