import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type {
  CompactTableRequest,
  CompactTableResponse,
  FileStatistics,
  SourceDefinition,
  SourceStats,
} from '@hybridstore/contracts';
import { type Disk, groupFolder, isHybridStoreError, Registry, retryLater, systemDisk } from '@hybridstore/runtime';
import { Appends } from './append/appends.ts';
import { type CompactionRequest, compactTable } from './compaction/compact-table.ts';
import { FileVacuum } from './compaction/file-vacuum.ts';
import { MergeClaims } from './compaction/merge-claims.ts';
import { type DecideMerge, type MergeOutcome, MergesByNeed } from './compaction/merges-by-need.ts';
import { openDataVolume } from './data-volume.ts';
import { defaultLimits, type EngineLimits } from './engine-limits.ts';
import { createEngineMetrics, type EngineMetrics } from './engine-metrics.ts';
import type { EngineOptions } from './engine-options.ts';
import { DamageRecords } from './integrity/damage-records.ts';
import { Scrub } from './integrity/scrub.ts';
import { type SegmentRef, SegmentVerifier, segmentRef, type VerifyOptions } from './integrity/segment-verifier.ts';
import { type FlushAttempt, FlushSchedule } from './memtable/flush-schedule.ts';
import { type FlushOutcome, flushTable } from './memtable/flush-table.ts';
import type {
  AppendBatch,
  AppendResult,
  AppliedBatch,
  CheckOnlooker,
  Commit,
  Engine,
  EngineProblem,
  FreshFrames,
  LogCheck,
  LogOnlooker,
  LogPosition,
  Room,
  SourceCheck,
  SourceListing,
  SourceState,
  TableState,
} from './ports.ts';
import { describeFlushFailure, describeLogDamage, describeUnreadableIds } from './problems.ts';
import { highestCommittedLsn, replayLog } from './recovery/replay-log.ts';
import { createSegmentWriter, type SegmentWriter } from './segment/segment-writer.ts';
import { requestFramesBytes } from './segment/writer-protocol.ts';
import { SegmentIntents } from './segment-intents.ts';
import type { SourceTable } from './source-table.ts';
import { SourceTables } from './source-tables.ts';
import { nameFullVolume } from './store/data-volume-full.ts';
import { type ObjectStore, unknownKey } from './store/ports.ts';
import { checkpointColumns } from './table-log/checkpoint.ts';
import { type LiveFile, snapshotOf } from './table-log/snapshot.ts';
import { checkDefinition, evolveDefinition, extendDefinition } from './table-log/source-definition.ts';
import { changeTableActions } from './table-log/table-actions.ts';
import { sourceOfKey } from './table-pointers.ts';
import type { LogWriter } from './wal/log-writer.ts';
import { batchKey } from './wal/segment-summary.ts';
import { WriteAheadLog } from './wal/write-ahead-log.ts';

/**
 * Opens the log, reads every table, makes fresh rows of what no table has, and is then ready. Errors: `conflict` when
 * another process has the log, `corrupt` when acknowledged frames are missing from it.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const limits = { ...defaultLimits, ...options.limits };
  const disk = options.disk ?? systemDisk;
  const log = await openLog(options, limits, disk);
  try {
    const store = await openDataVolume({ ...options, disk, log });
    const writers = await createWriters(options, limits, disk);
    const engine = new NodeEngine({ ...options, limits, log, store, ...writers });
    await engine.start();
    return engine;
  } catch (error) {
    await log.close();
    throw error;
  }
}

function openLog(options: EngineOptions, limits: EngineLimits, disk: Disk): Promise<WriteAheadLog> {
  return WriteAheadLog.open({
    folder: options.logFolder,
    disk,
    clock: options.clock,
    logger: options.logger,
    segmentBytesMax: limits.logSegmentBytesMax,
    queueBytesMax: limits.logQueueBytesMax,
    batchIdsMax: limits.batchIdsMax,
    batchIdRetentionHours: limits.batchIdRetentionHours,
    retentionHours: limits.logRetentionHours,
    logBytesMax: limits.logBytesMax,
    onFailure: options.onFatal,
  });
}

/** Queries come before flushes, on which writes wait at last, and everything before merges. */
const flushNiceness = 10;
const compactionNiceness = 19;

type Writers = { readonly flushWriter: SegmentWriter; readonly compactionWriter: SegmentWriter };

async function createWriters(options: EngineOptions, limits: EngineLimits, disk: Disk): Promise<Writers> {
  const { clock, logger, segmentWriter } = options;
  const spoolFolder = join(options.logFolder, 'spool');
  await disk.removeFolder(spoolFolder);
  await disk.createFolder(spoolFolder, groupFolder);
  const create = (requestMsMax: number, niceness: number) =>
    segmentWriter ??
    createSegmentWriter({
      disk,
      clock,
      logger,
      spoolFolder,
      memoryBytesMax: limits.writerMemoryBytesMax,
      threads: limits.writerThreads,
      requestMsMax,
      niceness,
    });
  return {
    flushWriter: create(limits.flushMsMax, flushNiceness),
    compactionWriter: create(limits.compactionMsMax, compactionNiceness),
  };
}

type NodeEngineOptions = Omit<EngineOptions, 'limits' | 'disk'> &
  Writers & {
    readonly limits: EngineLimits;
    readonly log: WriteAheadLog;
    readonly store: ObjectStore;
  };

/** What there is only once the log has been replayed. */
type Running = { readonly writer: LogWriter; readonly appends: Appends };

const snapshotAttemptsMax = 20;
const snapshotRetryMs = 50;
const creationsMax = 20;
/** Longer than any node takes from the first object of a table to its pointer. */
const abandonedGraceMsMin = 3_600_000;
/** No file is written for longer. */
const unfinishedMsMax = 7 * 24 * 3_600_000;
/** In an answer; how many there are in all, the metrics say. */
const damagedNamesMax = 20;

function countPartitions(files: readonly FileStatistics[]): number {
  return new Set(files.map(({ partition }) => JSON.stringify(partition))).size;
}

class NodeEngine implements Engine {
  readonly logId: string;
  readonly appId: string;
  readonly store: ObjectStore;
  readonly #options: NodeEngineOptions;
  readonly #metrics: EngineMetrics;
  readonly #tables: SourceTables;
  readonly #intents: SegmentIntents;
  readonly #vacuum: FileVacuum;
  readonly #verifier: SegmentVerifier;
  readonly #damage: DamageRecords;
  readonly #scrub: Scrub;
  readonly #schedule: FlushSchedule;
  readonly #claims: MergeClaims;
  readonly #merges: MergesByNeed;
  readonly #listeners: ((commit: Commit) => void)[] = [];
  readonly #roomListeners: (() => void)[] = [];
  #running: Running | undefined;
  #isDraining = false;
  #closing: Promise<void> | undefined;
  #cancelMaintenance: () => void = () => {};
  #nextVacuumMs = 0;
  readonly #startedAtMs: number;

  constructor(options: NodeEngineOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.now();
    const { log, store, limits, clock, logger } = options;
    this.logId = log.logId;
    this.store = store;
    this.appId = `hybridstore/${options.pod}/${this.logId}`;
    this.#metrics = createEngineMetrics(options.metrics ?? new Registry(), {
      flushesFailing: () => this.#schedule.failures.length,
      logDamages: () => log.damages.length + log.batchIds.unreadable.length,
      batchIds: () => log.batchIds.size,
      unflushedRows: () => this.unflushedRows(),
      logBytes: () => log.bytes,
      damagedObjects: () => this.#damage.count,
    });
    this.#tables = new SourceTables({
      store,
      appId: this.appId,
      clock,
      logger,
      random: options.random ?? Math.random,
      createId: randomUUID,
      checkpointWriter: (ndjson, metadata) =>
        options.flushWriter.checkpoint({ columns: checkpointColumns, metadata }, ndjson),
      commitsPerCheckpoint: limits.commitsPerCheckpoint,
      onConflict: () => this.#metrics.commitConflicts.inc(),
    });
    this.#schedule = new FlushSchedule({
      ...limits,
      clock,
      logger,
      isHalfFull: (table) => this.#running?.appends.isHalfFull(table) ?? false,
      flush: (table, attempt) => this.#flushOnce(table, attempt),
      onGone: (table) => this.#tables.forget(table),
      onEnded: () => this.#noticeRoom(),
    });
    this.#claims = new MergeClaims({ store, logId: this.logId, claimMsMax: 2 * limits.compactionMsMax });
    this.#merges = new MergesByNeed({
      merge: (table, decide) => this.#mergeByNeed(table, decide),
      mayMerge: (table) => this.#mayMerge(table),
      clock,
      logger,
      limits,
    });
    this.#verifier = new SegmentVerifier(store);
    this.#damage = new DamageRecords({ store, clock, logger });
    this.#scrub = new Scrub({
      tables: () => this.#tables.known.values(),
      store,
      verifier: this.#verifier,
      records: this.#damage,
      clock,
      logger,
      bytesPerSecond: limits.scrubBytesPerSecond,
      pauseMs: limits.scrubIntervalHours * 3_600_000,
      onChecked: (check) => {
        this.#metrics.scrubbedTables.inc();
        this.#metrics.scrubbedBytes.inc(check.bytes);
      },
    });
    this.#intents = new SegmentIntents({ store, logId: this.logId, logger });
    this.#vacuum = new FileVacuum({
      store,
      logger,
      logId: this.logId,
      limits,
      intents: this.#intents,
      onSkip: () => this.#metrics.vacuumsSkipped.inc(),
    });
  }

  /** Reads the tables, replays the log, and lets new rows in. */
  async start(): Promise<void> {
    const { log } = this.#options;
    await this.#tables.readAll();
    await replayLog(log, this.#tables.known, this.#options);
    this.#tables.noteReplayed(log.replayableTables);
    const writer = log.start(highestCommittedLsn(this.#tables.known.values()), {
      onGroup: (group) => this.#metrics.groupSeconds.observe(group.seconds),
      findGone: (keys) => this.#tables.findGone(keys),
      committedLsn: () => this.#committedLsn(),
    });
    this.#running = { writer, appends: this.#createAppends(writer) };
    for (const table of this.#tables.known.values()) if (table.memory.rows > 0) this.#schedule.noteAppend(table);
    for (const table of this.#tables.known.values()) this.#merges.note(table);
    this.#scheduleMaintenance();
    this.#scrub.start();
  }

  #createAppends(writer: LogWriter): Appends {
    const { log, limits, clock } = this.#options;
    return new Appends({
      tables: this.#tables,
      batchIds: log.batchIds,
      log: writer,
      limits,
      metrics: this.#metrics,
      clock,
      requireWritable: () => this.#requireWritable(),
      onAppended: (table) => this.#schedule.noteAppend(table),
      onLogFull: () => this.#reclaimLog(),
      onUnflushedFull: (table) => this.#schedule.noteRefusal(table),
      flushFailure: (table) => this.#schedule.failureOf(table)?.error,
    });
  }

  // Sources

  async sources(): Promise<SourceListing> {
    const ids = await this.#tables.list();
    const damaged: string[] = [];
    const found = await Promise.all(
      ids.map((id) =>
        this.#tables.find(id).catch((error: unknown) => {
          if (!isHybridStoreError(error, 'corrupt')) throw error;
          damaged.push(id);
          return undefined;
        }),
      ),
    );
    return { states: found.flatMap((table) => (table ? [table.sourceState] : [])), damaged: damaged.sort() };
  }

  async source(sourceId: string): Promise<SourceState> {
    return (await this.#tables.newest(sourceId)).sourceState;
  }

  putSource(definition: SourceDefinition): Promise<{ readonly created: boolean; readonly state: SourceState }> {
    const check = () => checkDefinition(definition);
    return this.#makeOrChange(definition.source_id, check, check);
  }

  addToSource(definition: SourceDefinition): Promise<{ readonly created: boolean; readonly state: SourceState }> {
    return this.#makeOrChange(
      definition.source_id,
      () => checkDefinition(definition),
      (stored) => checkDefinition(extendDefinition(stored, definition)),
    );
  }

  async #makeOrChange(
    sourceId: string,
    make: () => SourceDefinition,
    change: (stored: SourceDefinition) => SourceDefinition,
  ): Promise<{ readonly created: boolean; readonly state: SourceState }> {
    // Another node may create the source, or delete it, between the look and the change.
    for (let attempt = 1; attempt <= creationsMax; attempt += 1) {
      const table = await this.#tables.find(sourceId);
      const done = table ? await this.#evolve(table, change) : await this.#tables.create(make());
      if (done) return { created: table === undefined, state: done.sourceState };
    }
    throw retryLater('unavailable', `source ${sourceId} is created and deleted all the time`, 1_000);
  }

  /** Undefined when the source was deleted meanwhile. */
  async #evolve(
    table: SourceTable,
    change: (stored: SourceDefinition) => SourceDefinition,
  ): Promise<SourceTable | undefined> {
    const snapshot = await table.commit((base) => {
      const next = evolveDefinition(base.definition, change(base.definition));
      return next && changeTableActions(base, next, this.#options.clock.now());
    });
    return snapshot && table;
  }

  async deleteSource(sourceId: string): Promise<boolean> {
    const table = await this.#tables.find(sourceId);
    return table !== undefined && (await this.#tables.delete(table));
  }

  // Writes

  async append(batch: AppendBatch): Promise<AppendResult> {
    this.#requireWritable();
    return this.#requireRunning().appends.append(batch);
  }

  room(sourceId: string, rows: number, promisedRows = 0): Room {
    const table = this.#tables.known.get(sourceId);
    if (!table || !this.#running || this.notReadyReasons().length > 0) return 'free';
    return this.#running.appends.room(table, rows, promisedRows);
  }

  onRoom(listener: () => void): void {
    this.#roomListeners.push(listener);
  }

  #noticeRoom(): void {
    for (const listener of this.#roomListeners) listener();
  }

  findBatch(sourceId: string, batchId: string): AppliedBatch | undefined {
    const key = this.batchKey(sourceId, batchId);
    return key === undefined ? undefined : this.#options.log.batchIds.get(key);
  }

  appliedBatches(): Iterable<readonly [string, AppliedBatch]> {
    return this.#options.log.batchIds.entries();
  }

  batchKey(sourceId: string, batchId: string): string | undefined {
    const table = this.#tables.known.get(sourceId);
    return table && batchKey(table.key, batchId);
  }

  #requireWritable(): void {
    const reasons = this.notReadyReasons();
    if (reasons.length === 0) return;
    throw retryLater('unavailable', `this node takes no writes: ${reasons.join(', ')}`, 1_000, { reasons });
  }

  #requireRunning(): Running {
    if (!this.#running) throw retryLater('unavailable', 'this node is still recovering', 1_000);
    return this.#running;
  }

  // Reads

  known(sourceId: string): TableState | undefined {
    const table = this.#tables.known.get(sourceId);
    return table?.tableState(table.snapshot);
  }

  async snapshot(sourceId: string, atLeastVersion = 0): Promise<TableState> {
    for (let attempt = 1; attempt <= snapshotAttemptsMax; attempt += 1) {
      const table = await this.#tables.newest(sourceId);
      if (table.snapshot.version >= atLeastVersion) return table.tableState(table.snapshot);
      await this.#options.clock.sleep(snapshotRetryMs);
    }
    throw retryLater('unavailable', `source ${sourceId}: version ${atLeastVersion} is not visible here yet`, 1_000);
  }

  bringToLocal(keys: readonly string[]): Promise<readonly string[]> {
    return Promise.all(
      keys.map(async (key) => {
        await this.#verify(this.#segmentOf(key));
        return this.store.bringToLocal(key);
      }),
    );
  }

  /** By the newest version, or by one that a query holds. */
  #segmentOf(key: string): SegmentRef {
    const sourceId = sourceOfKey(key);
    const table = this.#tables.known.get(sourceId);
    const places = [
      ...(table ? [{ location: table.location, snapshot: table.snapshot }] : []),
      ...this.#vacuum
        .pinnedStates(sourceId)
        .map((state) => ({ location: state.location, snapshot: snapshotOf(state) })),
    ];
    for (const { location, snapshot } of places) {
      const file = key.startsWith(`${location}/`) ? snapshot?.files.get(key.slice(location.length + 1)) : undefined;
      if (file) return segmentRef({ sourceId, location }, file);
    }
    throw unknownKey(key);
  }

  async #verify(segment: SegmentRef, options?: VerifyOptions): Promise<void> {
    try {
      await this.#verifier.verify(segment, options);
    } catch (error) {
      if (!isHybridStoreError(error, 'corrupt')) throw error;
      // What vanishes under a reader may be a table that is being deleted.
      await this.#tables.newest(segment.sourceId);
      await this.#damage.note(segment, { name: segment.path, reason: error.message });
      throw error;
    }
  }

  async check(sourceId: string, onlooker?: CheckOnlooker): Promise<SourceCheck> {
    return this.#scrub.check(await this.#tables.newest(sourceId), onlooker && this.#scrub.paceFor(onlooker));
  }

  checkLog(onlooker: LogOnlooker): Promise<LogCheck> {
    this.#requireRunning();
    return this.#options.log.check({ pace: this.#scrub.paceFor(onlooker), onTotal: onlooker.onTotal });
  }

  pin(state: TableState): { release(): void } {
    return this.#vacuum.pin(state);
  }

  fresh(sourceId: string, afterLsn: number): FreshFrames {
    const table = this.#tables.known.get(sourceId);
    if (table) return table.memory.fresh(afterLsn);
    return { acknowledgedLsn: afterLsn, committedLsn: afterLsn, tableVersion: -1, frames: [] };
  }

  positions(): readonly LogPosition[] {
    return [...this.#tables.known.values()].map(({ sourceId, location, memory }) => {
      const { acknowledgedLsn, committedLsn } = memory;
      return { sourceId, location, acknowledgedLsn, committedLsn };
    });
  }

  async stats(sourceId: string): Promise<SourceStats> {
    const table = await this.#tables.newest(sourceId);
    const { snapshot } = table;
    const files = [...snapshot.files.values()].map((file) => file.statistics);
    return {
      source_id: sourceId,
      rows: files.reduce((sum, file) => sum + file.rows, 0),
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      files: files.length,
      ...(snapshot.definition.partition_columns?.length ? { partitions: countPartitions(files) } : {}),
      unflushed_rows: table.memory.rows,
      schema_version: snapshot.schemaVersion,
      table_version: snapshot.version,
      last_commit_at: snapshot.committedAtMs === undefined ? null : new Date(snapshot.committedAtMs).toISOString(),
      damaged: (await this.#damage.list(table)).slice(0, damagedNamesMax),
    };
  }

  problems(): readonly EngineProblem[] {
    const { log } = this.#options;
    const damages = log.damages.map((damage) => describeLogDamage(damage, this.#startedAtMs));
    const ids = log.batchIds.unreadable.map((file) => describeUnreadableIds(file, this.#startedAtMs));
    return [...this.#schedule.failures.map(describeFlushFailure), ...damages, ...ids];
  }

  unflushedRows(): number {
    let rows = 0;
    for (const table of this.#tables.known.values()) rows += table.memory.rows;
    return rows;
  }

  // Flush and compaction

  async flush(sourceId: string): Promise<{ readonly rows: number; readonly tableVersion: number }> {
    const table = await this.#tables.newest(sourceId);
    const rows = await this.#schedule.flushThrough(table, table.memory.acknowledgedLsn);
    return { rows, tableVersion: table.snapshot.version };
  }

  async #flushOnce(table: SourceTable, { share, noteTooMuch }: FlushAttempt): Promise<FlushOutcome> {
    const { clock, limits, store, flushWriter } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      const outcome = await flushTable(table, {
        appId: this.appId,
        intents: this.#intents,
        store,
        writer: flushWriter,
        clock,
        // Half of what there may be, because writes without room wait for the end of it.
        rowsMax: (limits.unflushedRowsMax / 2) * share,
        bytesMax:
          Math.min(limits.flushBytes * 2, requestFramesBytes({ memoryBytesMax: limits.writerMemoryBytesMax })) * share,
        noteTooMuch,
      });
      if (outcome.kind === 'committed') {
        this.#metrics.flushSeconds.observe((clock.monotonicMs() - startMs) / 1_000);
        this.#metrics.flushedRows.inc(outcome.rows);
        this.#announce(outcome.commit);
        this.#merges.note(table);
        await this.#noteCommitted();
      }
      return outcome;
    } catch (error) {
      this.#metrics.flushFailures.inc();
      throw error;
    }
  }

  /** Every row of this node's log up to here is in its table. */
  #committedLsn(): number {
    if (!this.#running || this.#tables.hasUnreadable) return 0;
    const oldest = [...this.#tables.known.values()].map(({ memory }) => memory.firstLsn ?? Number.POSITIVE_INFINITY);
    return oldest.reduce((lsn, first) => Math.min(lsn, first - 1), this.#running.writer.acknowledgedLsn);
  }

  /** The commit stands without it; only damage to frames that it holds would be refused longer than it must. */
  async #noteCommitted(): Promise<void> {
    const { log, logger } = this.#options;
    await log.noteCommitted().catch((error: unknown) => logger.warn('log_head_not_written', { error }));
  }

  async compact(sourceId: string, request: CompactTableRequest): Promise<CompactTableResponse> {
    const table = await this.#tables.newest(sourceId);
    this.#vacuum.retain(table, request.retain_snapshots_hours * 3_600_000);
    return this.#merges.leave(table, () => this.#compactFiles(table, request));
  }

  async #compactFiles(table: SourceTable, request: CompactionRequest): Promise<CompactTableResponse> {
    const pin = this.pin(table.tableState(table.snapshot));
    try {
      return await compactTable(table, request, {
        intents: this.#intents,
        store: this.#options.store,
        writer: this.#options.compactionWriter,
        clock: this.#options.clock,
        verify: (source, file) => this.#verifyAgain(source, file),
        onCommit: (commit) => {
          this.#metrics.compactedBytes.inc(commit.added.reduce((sum, file) => sum + file.bytes, 0));
          this.#announce(commit);
        },
      });
    } catch (error) {
      throw nameFullVolume(error);
    } finally {
      pin.release();
      await this.#cleanTable(table);
    }
  }

  async #verifyAgain(source: SourceTable, file: LiveFile): Promise<void> {
    // Much may be left to read.
    if (this.#closing) throw retryLater('unavailable', 'the engine closes', 1_000);
    await this.#verify(segmentRef(source, file), { again: true });
  }

  /** Nothing that merges would make worse: a volume that is full, or flushes that fail. */
  #mayMerge(table: SourceTable): boolean {
    const isOurs = this.#tables.known.get(table.sourceId) === table;
    return isOurs && this.notReadyReasons().length === 0 && this.#schedule.failures.length === 0;
  }

  async #mergeByNeed(table: SourceTable, decide: DecideMerge): Promise<MergeOutcome> {
    const merged = await this.#claims.during(table.location, async () => {
      // Another node may have merged, or deleted the source, since this one looked last.
      const order = (await table.refresh()) && decide(table);
      if (!order) return 'nothing' as const;
      const groups = [{ paths: order.files.map(({ path }) => path) }];
      return this.#compactFiles(table, { groups, file_bytes_max: order.fileBytesMax });
    });
    return merged ?? 'taken';
  }

  onCommit(listener: (commit: Commit) => void): void {
    this.#listeners.push(listener);
  }

  #announce(commit: Commit): void {
    const { location } = commit.state;
    for (const { path, bytes } of commit.added)
      this.#verifier
        .trust({ location, path, bytes })
        .catch((error: unknown) => this.#options.logger.debug('segment_not_seen', { location, path, error }));
    for (const listener of this.#listeners) listener(commit);
  }

  // Life

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#noticeRoom();
    await this.#running?.appends.settle();
    await this.flushAll();
  }

  async flushAll(): Promise<void> {
    await this.#tables.requireAllReplayed();
    await Promise.all(
      [...this.#tables.known.values()].map((table) => this.#schedule.flushThrough(table, table.memory.acknowledgedLsn)),
    );
  }

  undrain(): void {
    this.#isDraining = false;
    for (const table of this.#tables.known.values()) this.#merges.note(table);
  }

  notReadyReasons(): readonly string[] {
    const reasons: string[] = [];
    if (this.#closing) reasons.push('closing');
    if (!this.#running) reasons.push('recovering');
    if (this.#running?.writer.failure) reasons.push('log_failed');
    if (this.#isDraining) reasons.push('draining');
    return reasons;
  }

  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = this.#closeOnce();
      this.#noticeRoom();
    }
    return this.#closing;
  }

  /** Logged rows are replayed by the next start; only rows of sources without a log must be committed now. */
  async #closeOnce(): Promise<void> {
    const { log, logger, segmentWriter, flushWriter } = this.#options;
    this.#cancelMaintenance();
    await this.#closeMerges();
    await this.#scrub.close();
    await this.#running?.appends.settle();
    for (const table of this.#tables.known.values())
      if (table.definition.wal_enabled === false)
        await this.#schedule
          .flushThrough(table, table.memory.acknowledgedLsn)
          .catch((error: unknown) =>
            logger.error('unlogged_rows_lost', { source: table.sourceId, rows: table.memory.rows, error }),
          );
    await this.#schedule.close();
    await Promise.allSettled([...this.#tables.known.values()].map((table) => table.settle()));
    await log.close();
    if (segmentWriter) return;
    await flushWriter.close();
  }

  /** A merge under way is given up: the next start finds the same need. */
  async #closeMerges(): Promise<void> {
    const { segmentWriter, compactionWriter } = this.#options;
    const closed = this.#merges.close();
    if (!segmentWriter) await compactionWriter.close();
    await closed;
  }

  // Maintenance

  #scheduleMaintenance(): void {
    const { clock, limits, logger } = this.#options;
    this.#cancelMaintenance = clock.schedule(limits.maintenanceIntervalMs, () => {
      this.#maintain()
        .catch((error: unknown) => logger.warn('maintenance_failed', { error }))
        .finally(() => {
          if (!this.#closing) this.#scheduleMaintenance();
        });
    });
  }

  async #maintain(): Promise<void> {
    const { clock, limits } = this.#options;
    await this.#removeOldLog();
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#nextVacuumMs) return;
    this.#nextVacuumMs = nowMs + limits.vacuumIntervalMs;
    for (const table of [...this.#tables.known.values()]) await this.#cleanTable(table);
    await this.#tables.removeAbandoned(Math.max(limits.orphanGraceMs, abandonedGraceMsMin));
    await this.store.removeUnfinished((await this.store.nowMs()) - unfinishedMsMax);
  }

  /** One table that cannot be cleaned keeps no other from being. */
  async #cleanTable(table: SourceTable): Promise<void> {
    try {
      await this.#vacuum.clean(table);
    } catch (error) {
      this.#options.logger.warn('vacuum_failed', { source: table.sourceId, error });
    }
  }

  /** The log volume is full: what the tables hold need not be kept for its time. */
  #reclaimLog(): void {
    this.#makeRoomInLog().catch((error: unknown) => this.#options.logger.warn('log_reclaim_failed', { error }));
  }

  async #removeOldLog(): Promise<void> {
    await this.#options.log.removeOld((key, lastLsn) => this.#tables.isCommitted(key, lastLsn));
  }

  async #makeRoomInLog(): Promise<void> {
    await this.#options.log.makeRoom((key, lastLsn) => this.#tables.isCommitted(key, lastLsn));
  }
}
