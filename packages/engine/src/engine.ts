import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CompactTableRequest, CompactTableResponse, SourceDefinition, SourceStats } from '@hybridstore/contracts';
import {
  type Disk,
  HybridStoreError,
  isHybridStoreError,
  Registry,
  retryLater,
  systemDisk,
} from '@hybridstore/runtime';
import { Scratch } from './batch/scratch.ts';
import { compactTable } from './compaction/compact-table.ts';
import { FileVacuum } from './compaction/file-vacuum.ts';
import { defaultLimits, type EngineLimits } from './engine-limits.ts';
import { createEngineMetrics, type EngineMetrics } from './engine-metrics.ts';
import type { EngineOptions } from './engine-options.ts';
import { FlushSchedule } from './memtable/flush-schedule.ts';
import { type FlushOutcome, flushTable } from './memtable/flush-table.ts';
import { createFileObjectStore } from './object-store/file-object-store.ts';
import type { ObjectStore } from './object-store/object-store.ts';
import type {
  AppendBatch,
  AppendResult,
  AppliedBatch,
  Commit,
  Engine,
  FreshFrames,
  SourceState,
  TableState,
} from './ports.ts';
import { highestCommittedLsn, replayLog } from './recovery/replay-log.ts';
import { segmentPrefix } from './segment/file-names.ts';
import { createSegmentWriter, type SegmentWriter } from './segment/segment-writer.ts';
import { type SourceTable, tablesFolder } from './source-table.ts';
import { SourceTables } from './source-tables.ts';
import { checkpointColumns } from './table-log/checkpoint.ts';
import { checkDefinition, evolveDefinition } from './table-log/source-definition.ts';
import { changeTableActions, createTableActions } from './table-log/table-actions.ts';
import { frameKinds, framePrefixBytes, writeFrameHeader } from './wal/frame.ts';
import type { LogWriter } from './wal/log-writer.ts';
import { batchKey } from './wal/segment-summary.ts';
import { WriteAheadLog } from './wal/write-ahead-log.ts';

/**
 * Opens the log, reads every table, makes fresh rows of what no table has, and is then ready. Errors: `conflict` when
 * another process has the log, `corrupt` when acknowledged frames are missing from it.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const parts = await openParts(options);
  const engine = new NodeEngine(parts);
  try {
    await engine.recover();
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

type Parts = {
  readonly options: EngineOptions;
  readonly limits: EngineLimits;
  readonly disk: Disk;
  readonly store: ObjectStore;
  readonly log: WriteAheadLog;
  /** Set once the engine exists: the log tells it about groups and about its end. */
  readonly wires: {
    onGroup: (group: { readonly bytes: number; readonly seconds: number }) => void;
    findGone: (tables: ReadonlySet<string>) => Promise<ReadonlySet<string>>;
  };
  readonly writer: SegmentWriter;
  readonly compactionWriter: SegmentWriter;
};

async function openParts(options: EngineOptions): Promise<Parts> {
  const { clock, logger } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const disk = options.disk ?? systemDisk;
  const spoolFolder = join(options.logFolder, 'spool');
  const wires: Parts['wires'] = { onGroup: () => {}, findGone: async () => new Set() };
  const log = await WriteAheadLog.open({
    folder: options.logFolder,
    disk,
    clock,
    logger,
    segmentBytesMax: limits.logSegmentBytesMax,
    queueBytesMax: limits.logQueueBytesMax,
    batchIdsMax: limits.batchIdsMax,
    retentionHours: limits.logRetentionHours,
    logBytesMax: limits.logBytesMax,
    onFailure: options.onFatal,
    onGroup: (group) => wires.onGroup(group),
    findGone: (tables) => wires.findGone(tables),
  });
  await disk.removeFolder(spoolFolder);
  await disk.createFolder(spoolFolder);
  const createWriter = (requestMsMax: number) =>
    options.segmentWriter ??
    createSegmentWriter({
      disk,
      clock,
      logger,
      spoolFolder,
      memoryBytesMax: limits.writerMemoryBytesMax,
      threads: limits.writerThreads,
      requestMsMax,
    });
  return {
    options,
    limits,
    disk,
    store: createFileObjectStore(options.dataFolder, disk),
    log,
    wires,
    writer: createWriter(limits.flushMsMax),
    compactionWriter: createWriter(limits.compactionMsMax),
  };
}

const overloadedRetryMs = 500;
const snapshotAttemptsMax = 20;
const snapshotRetryMs = 50;

class NodeEngine implements Engine {
  readonly logId: string;
  readonly appId: string;
  readonly #parts: Parts;
  readonly #options: EngineOptions;
  readonly #limits: EngineLimits;
  readonly #metrics: EngineMetrics;
  readonly #scratch = new Scratch();
  readonly #tables: SourceTables;
  readonly #vacuum: FileVacuum;
  readonly #schedule: FlushSchedule;
  readonly #arrivingBatches = new Map<string, Promise<AppendResult>>();
  readonly #listeners: ((commit: Commit) => void)[] = [];
  #logWriter: LogWriter | undefined;
  #arriving = 0;
  #onIdle: (() => void)[] = [];
  #isDraining = false;
  #closing: Promise<void> | undefined;
  #cancelMaintenance: () => void = () => {};
  #nextVacuumMs = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#options = parts.options;
    this.#limits = parts.limits;
    this.logId = parts.log.logId;
    this.appId = `hybridstore/${parts.options.pod}/${this.logId}`;
    this.#metrics = createEngineMetrics(parts.options.metrics ?? new Registry(), {
      unflushedRows: () => this.unflushedRows(),
      logBytes: () => parts.log.bytes,
    });
    parts.wires.onGroup = (group) => this.#metrics.groupSeconds.observe(group.seconds);
    parts.wires.findGone = (keys) => this.#tables.findGone(keys);
    this.#schedule = new FlushSchedule({
      ...this.#limits,
      clock: this.#options.clock,
      logger: this.#options.logger,
      flush: (table) => this.#flushOnce(table),
      onGone: (table) => this.#tables.forget(table),
    });
    const { clock, logger, dataFolder } = this.#options;
    const { store, disk } = parts;
    this.#tables = new SourceTables({
      store,
      dataFolder,
      appId: this.appId,
      clock,
      logger,
      random: this.#options.random ?? Math.random,
      checkpointWriter: (ndjson) => parts.writer.checkpoint({ columns: checkpointColumns }, ndjson),
      commitsPerCheckpoint: this.#limits.commitsPerCheckpoint,
      onConflict: () => this.#metrics.commitConflicts.inc(),
      onForgotten: (table) => this.#schedule.forget(table),
    });
    this.#vacuum = new FileVacuum({ disk, store, clock, logger, logId: this.logId, limits: this.#limits });
  }

  async recover(): Promise<void> {
    await this.#requireDataVolume();
    await this.#tables.readAll();
    await replayLog(this.#parts.log, this.#tables.known, this.#options);
    this.#tables.noteReplayed(this.#parts.log.replayableTables);
    this.#logWriter = this.#parts.log.start(highestCommittedLsn(this.#tables.known.values()));
    for (const table of this.#tables.known.values()) if (table.memory.rows > 0) this.#schedule.noteAppend(table);
    this.#scheduleMaintenance();
    if (!this.#options.segmentWriter) this.#parts.writer.start();
  }

  /**
   * A log with rows has seen tables; they may all be deleted, but their folder stays. Without it, another volume is
   * mounted, or none: every logged row would be taken for one of a deleted source, and its segment removed in time.
   */
  async #requireDataVolume(): Promise<void> {
    const { log, store } = this.#parts;
    if (log.replayableTables.size === 0 || (await store.hasFolder(tablesFolder))) return;
    const path = join(this.#options.dataFolder, tablesFolder);
    throw new HybridStoreError('corrupt', `${path} is missing, and the log holds rows: is the data volume mounted?`, {
      path,
    });
  }

  // Sources

  async sources(): Promise<readonly SourceState[]> {
    const ids = await this.#tables.list();
    const found = await Promise.all(ids.map((id) => this.#tables.find(id)));
    return found.flatMap((table) => (table ? [table.sourceState] : []));
  }

  async source(sourceId: string): Promise<SourceState> {
    return (await this.#tables.fresh(sourceId)).sourceState;
  }

  async putSource(definition: SourceDefinition): Promise<{ readonly created: boolean; readonly state: SourceState }> {
    const wanted = checkDefinition(definition);
    const log = this.#tables.logOf(wanted.source_id);
    let created = false;
    const snapshot = await log.commit((base) => {
      created = base === undefined;
      const nowMs = this.#options.clock.now();
      if (!base) return createTableActions(wanted, { id: randomUUID(), nowMs });
      const next = evolveDefinition(base.definition, wanted);
      return next && changeTableActions(base, next, nowMs);
    });
    const table = this.#tables.adopt(wanted.source_id, log, snapshot!);
    return { created, state: table.sourceState };
  }

  async deleteSource(sourceId: string): Promise<boolean> {
    const table = await this.#tables.find(sourceId);
    if (!table) return false;
    await this.#tables.delete(table);
    return true;
  }

  // Writes

  async append(batch: AppendBatch): Promise<AppendResult> {
    this.#requireWritable();
    const table = this.#tables.known.get(batch.sourceId) ?? (await this.#tables.fresh(batch.sourceId));
    if (batch.batchId === undefined) return this.#appendNew(table, batch);
    const key = batchKey(table.key, batch.batchId);
    // A first try that is under way decides; when it fails, this one is the first. No await between looking and entering.
    for (let arriving = this.#arrivingBatches.get(key); arriving; arriving = this.#arrivingBatches.get(key))
      await arriving.catch(() => {});
    const applied = this.#parts.log.batchIds.get(key);
    if (applied) return this.#acknowledgeAgain(table, batch, applied);
    const arriving = this.#appendNew(table, batch);
    this.#arrivingBatches.set(key, arriving);
    try {
      return await arriving;
    } finally {
      this.#arrivingBatches.delete(key);
    }
  }

  /** What was applied to a source that is gone by now says nothing about the one that bears its name. */
  async #acknowledgeAgain(table: SourceTable, batch: AppendBatch, applied: AppliedBatch): Promise<AppendResult> {
    if (await table.log.isAlive(table.snapshot)) return { ...applied, duplicate: true };
    await this.#tables.fresh(batch.sourceId);
    return this.append(batch);
  }

  findBatch(sourceId: string, batchId: string): AppliedBatch | undefined {
    const key = this.batchKey(sourceId, batchId);
    return key === undefined ? undefined : this.#parts.log.batchIds.get(key);
  }

  appliedBatches(): Iterable<readonly [string, AppliedBatch]> {
    return this.#parts.log.batchIds.entries();
  }

  batchKey(sourceId: string, batchId: string): string | undefined {
    const table = this.#tables.known.get(sourceId);
    return table && batchKey(table.key, batchId);
  }

  async #appendNew(table: SourceTable, batch: AppendBatch): Promise<AppendResult> {
    // Looked at again: a drain that began since would not wait for a batch that is not counted yet.
    this.#requireWritable();
    this.#arriving += 1;
    try {
      return (await this.#appendTo(table, batch)) ?? (await this.#appendToNewest(batch));
    } finally {
      this.#arriving -= 1;
      if (this.#arriving === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  }

  /** Undefined when the table may be another one by now: it has no such column, or it is gone. */
  async #appendTo(table: SourceTable, batch: AppendBatch): Promise<AppendResult | undefined> {
    const frame = this.#encode(table, batch);
    if (!frame) return undefined;
    try {
      return await this.#logFrame(table, batch, frame);
    } catch (error) {
      if (isHybridStoreError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  /** Another replica may have added the column, or have made the source anew, since this one looked. */
  async #appendToNewest(batch: AppendBatch): Promise<AppendResult> {
    const newest = await this.#tables.fresh(batch.sourceId);
    return this.#logFrame(newest, batch, this.#encode(newest, batch, true)!);
  }

  /** The frame without its place in the log; undefined when the records do not fit the schema that is known. */
  #encode(table: SourceTable, batch: AppendBatch, isFinal = false): Buffer | undefined {
    const prefix = framePrefixBytes(table.sourceId, batch.batchId);
    try {
      const frame = table.encoder(this.#scratch).encode(batch.records, prefix);
      writeFrameHeader(frame, {
        kind: frameKinds.batch,
        sourceId: table.sourceId,
        batchId: batch.batchId,
        tableTag: table.tag,
        schemaVersion: table.snapshot.schemaVersion,
        rows: batch.records.length,
      });
      return frame;
    } catch (error) {
      if (isFinal || !isHybridStoreError(error, 'invalid_request')) throw error;
      return undefined;
    }
  }

  #logFrame(table: SourceTable, batch: AppendBatch, frame: Buffer): Promise<AppendResult> {
    const size = { rows: batch.records.length, bytes: frame.length };
    this.#requireRoom(table, size);
    const key = batch.batchId === undefined ? undefined : batchKey(table.key, batch.batchId);
    const durable = table.definition.wal_enabled !== false;
    const { schemaVersion } = table.snapshot;
    return new Promise((resolve, reject) => {
      this.#requireLog().enqueue({
        frame,
        isLogged: durable,
        table: table.key,
        batchKey: key,
        rows: size.rows,
        acknowledge: (lsn) => {
          table.memory.settle(size);
          table.memory.add({ lsn, rows: size.rows, schemaVersion, bytes: frame }, this.#options.clock.now());
          if (key !== undefined) this.#parts.log.batchIds.remember(key, { lsn, accepted: size.rows, durable });
          this.#metrics.appendedRows.inc(size.rows);
          this.#metrics.appendedBytes.inc(size.bytes);
          this.#schedule.noteAppend(table);
          resolve({ lsn, accepted: size.rows, durable, duplicate: false });
        },
        refuse: (error) => {
          table.memory.settle(size);
          if (isHybridStoreError(error, 'storage_full')) this.#reclaimLog();
          reject(error);
        },
      });
      table.memory.expect(size);
    });
  }

  #requireWritable(): void {
    const reasons = this.notReadyReasons();
    if (reasons.length > 0) throw retryLater('unavailable', `this node takes no writes: ${reasons.join(', ')}`, 1_000);
  }

  #requireLog(): LogWriter {
    if (!this.#logWriter) throw retryLater('unavailable', 'this node is still recovering', 1_000);
    return this.#logWriter;
  }

  /** A batch that alone exceeds the bound still gets in when there is nothing else. */
  #requireRoom(table: SourceTable, size: { readonly rows: number; readonly bytes: number }): void {
    const { memory } = table;
    const { unflushedRowsMax, unflushedBytesMax } = this.#limits;
    const isRowsFull = memory.rowsAhead > 0 && memory.rowsAhead + size.rows > unflushedRowsMax;
    const bytesAhead = this.#bytesAhead();
    if (!isRowsFull && !(bytesAhead > 0 && bytesAhead + size.bytes > unflushedBytesMax)) return;
    throw retryLater(
      'overloaded',
      `source ${table.sourceId}: ${memory.rowsAhead} rows wait to be flushed`,
      overloadedRetryMs,
      {
        source_id: table.sourceId,
        unflushed_rows: memory.rowsAhead,
      },
    );
  }

  #bytesAhead(): number {
    let bytes = 0;
    for (const table of this.#tables.known.values()) bytes += table.memory.bytesAhead;
    return bytes;
  }

  // Reads

  async snapshot(sourceId: string, atLeastVersion = 0): Promise<TableState> {
    for (let attempt = 1; attempt <= snapshotAttemptsMax; attempt += 1) {
      const table = await this.#tables.fresh(sourceId);
      if (table.snapshot.version >= atLeastVersion) return table.tableState(table.snapshot);
      await this.#options.clock.sleep(snapshotRetryMs);
    }
    throw retryLater('unavailable', `source ${sourceId}: version ${atLeastVersion} is not visible here yet`, 1_000);
  }

  pin(state: TableState): { release(): void } {
    return this.#vacuum.pin(state);
  }

  fresh(sourceId: string, afterLsn: number): FreshFrames {
    const table = this.#tables.known.get(sourceId);
    if (table) return table.memory.fresh(afterLsn);
    return { acknowledgedLsn: afterLsn, committedLsn: afterLsn, tableVersion: -1, frames: [] };
  }

  async stats(sourceId: string): Promise<SourceStats> {
    const table = await this.#tables.fresh(sourceId);
    const { snapshot } = table;
    const files = [...snapshot.files.values()].map((file) => file.statistics);
    return {
      source_id: sourceId,
      rows: files.reduce((sum, file) => sum + file.rows, 0),
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      files: files.length,
      unflushed_rows: table.memory.rows,
      schema_version: snapshot.schemaVersion,
      table_version: snapshot.version,
      last_commit_at: snapshot.committedAtMs === undefined ? null : new Date(snapshot.committedAtMs).toISOString(),
    };
  }

  unflushedRows(): number {
    let rows = 0;
    for (const table of this.#tables.known.values()) rows += table.memory.rows;
    return rows;
  }

  // Flush and compaction

  async flush(sourceId: string): Promise<{ readonly rows: number; readonly tableVersion: number }> {
    const table = await this.#tables.fresh(sourceId);
    const rows = await this.#schedule.flushThrough(table, table.memory.acknowledgedLsn);
    return { rows, tableVersion: table.snapshot.version };
  }

  async #flushOnce(table: SourceTable): Promise<FlushOutcome> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      const outcome = await flushTable(table, {
        appId: this.appId,
        filePrefix: segmentPrefix(this.logId),
        writer: this.#parts.writer,
        clock,
        rowsMax: this.#limits.unflushedRowsMax,
        bytesMax: this.#limits.flushBytes * 2,
      });
      if (outcome.kind === 'committed') {
        this.#metrics.flushSeconds.observe((clock.monotonicMs() - startMs) / 1_000);
        this.#metrics.flushedRows.inc(outcome.rows);
        this.#announce(outcome.commit);
      }
      return outcome;
    } catch (error) {
      this.#metrics.flushFailures.inc();
      throw error;
    }
  }

  async compact(sourceId: string, request: CompactTableRequest): Promise<CompactTableResponse> {
    const table = await this.#tables.fresh(sourceId);
    this.#vacuum.retain(table, request.retain_snapshots_hours * 3_600_000);
    const pin = this.pin(table.tableState(table.snapshot));
    try {
      return await compactTable(table, request, {
        filePrefix: segmentPrefix(this.logId),
        writer: this.#parts.compactionWriter,
        clock: this.#options.clock,
        removeFile: (path) => this.#parts.disk.remove(path),
        onCommit: (commit) => {
          this.#metrics.compactedBytes.inc(commit.added.reduce((sum, file) => sum + file.bytes, 0));
          this.#announce(commit);
        },
      });
    } finally {
      pin.release();
      await this.#vacuum.clean(table);
    }
  }

  onCommit(listener: (commit: Commit) => void): void {
    this.#listeners.push(listener);
  }

  #announce(commit: Commit): void {
    for (const listener of this.#listeners) listener(commit);
  }

  // Life

  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#arriving > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    await this.#tables.requireAllReplayed();
    await Promise.all(
      [...this.#tables.known.values()].map((table) => this.#schedule.flushThrough(table, table.memory.acknowledgedLsn)),
    );
  }

  undrain(): void {
    this.#isDraining = false;
  }

  notReadyReasons(): readonly string[] {
    const reasons: string[] = [];
    if (this.#closing) reasons.push('closing');
    if (!this.#logWriter) reasons.push('recovering');
    if (this.#logWriter?.failure) reasons.push('log_failed');
    if (this.#isDraining) reasons.push('draining');
    return reasons;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeOnce();
    return this.#closing;
  }

  /** Logged rows are replayed by the next start; only rows of sources without a log must be committed now. */
  async #closeOnce(): Promise<void> {
    this.#cancelMaintenance();
    if (this.#arriving > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    for (const table of this.#tables.known.values())
      if (table.definition.wal_enabled === false)
        await this.#schedule.flushThrough(table, table.memory.acknowledgedLsn).catch((error: unknown) =>
          this.#options.logger.error('unlogged_rows_lost', {
            source: table.sourceId,
            rows: table.memory.rows,
            error,
          }),
        );
    await this.#schedule.close();
    await Promise.allSettled([...this.#tables.known.values()].map((table) => table.log.settle()));
    await this.#parts.log.close();
    if (this.#options.segmentWriter) return;
    await this.#parts.writer.close();
    await this.#parts.compactionWriter.close();
  }

  // Maintenance

  #scheduleMaintenance(): void {
    this.#cancelMaintenance = this.#options.clock.schedule(this.#limits.maintenanceIntervalMs, () => {
      this.#maintain()
        .catch((error: unknown) => this.#options.logger.warn('maintenance_failed', { error }))
        .finally(() => {
          if (!this.#closing) this.#scheduleMaintenance();
        });
    });
  }

  async #maintain(): Promise<void> {
    await this.#parts.log.removeOld((key, lastLsn) => this.#tables.isCommitted(key, lastLsn));
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < this.#nextVacuumMs) return;
    this.#nextVacuumMs = nowMs + this.#limits.vacuumIntervalMs;
    for (const table of [...this.#tables.known.values()]) await this.#vacuum.clean(table);
  }

  /** The log volume is full: what the tables hold need not be kept for its time. */
  #reclaimLog(): void {
    this.#parts.log
      .removeOld((key, lastLsn) => this.#tables.isCommitted(key, lastLsn), 0)
      .catch((error: unknown) => this.#options.logger.warn('log_reclaim_failed', { error }));
  }
}
