import { partitionsWorrying, type Warning } from '@hybridstore/contracts';
import { type Clock, type HybridStoreError, isHybridStoreError, retryLater } from '@hybridstore/runtime';
import { decodeBatch } from '../batch/batch-codec.ts';
import { Scratch } from '../batch/scratch.ts';
import type { EngineLimits } from '../engine-limits.ts';
import type { EngineMetrics } from '../engine-metrics.ts';
import type { AppendBatch, AppendResult, AppliedBatch, Room } from '../ports.ts';
import type { SourceTable } from '../source-table.ts';
import type { SourceTables } from '../source-tables.ts';
import { dataVolumeFull } from '../store/data-volume-full.ts';
import type { BatchIds } from '../wal/batch-ids.ts';
import { frameKinds, framePrefixBytes, writeFrameHeader } from '../wal/frame.ts';
import type { LogWriter } from '../wal/log-writer.ts';
import { batchKey } from '../wal/segment-summary.ts';
import type { PartitionKey } from './source-partitions.ts';
import { hasRoom, isHalfFull, type UnflushedUse } from './unflushed-room.ts';

export type AppendsOptions = {
  readonly tables: SourceTables;
  readonly batchIds: BatchIds;
  readonly log: Pick<LogWriter, 'enqueue'>;
  readonly limits: Pick<EngineLimits, 'unflushedRowsMax' | 'unflushedBytesMax' | 'partitionsMax'>;
  readonly metrics: Pick<EngineMetrics, 'appendedRows' | 'appendedBytes'>;
  readonly clock: Clock;
  /** Throws when no new row may come in. */
  readonly requireWritable: () => void;
  /** Rows of the table are in memory, and wait to be flushed. */
  readonly onAppended: (table: SourceTable) => void;
  readonly onLogFull: () => void;
  /** There is no room for the batch until rows of its source are flushed. */
  readonly onUnflushedFull: (table: SourceTable) => void;
  /** Why rows of the source are not flushed; undefined when nothing is wrong. */
  readonly flushFailure: (table: SourceTable) => unknown;
};

const overloadedRetryMs = 500;

type BatchSize = { readonly rows: number; readonly bytes: number };

function frameIdentity(table: SourceTable, batch: AppendBatch) {
  return {
    kind: frameKinds.batch,
    sourceId: table.sourceId,
    batchId: batch.batchId,
    tableTag: table.tag,
    schemaVersion: table.snapshot.schemaVersion,
    rows: batch.records.length,
  };
}

/**
 * The way of a batch: encoded against the schema that is known, logged, and after the sync put into memory. A batch id is
 * applied once: a second batch that bears it waits for the first and is answered as that was.
 */
export class Appends {
  readonly #options: AppendsOptions;
  readonly #scratch = new Scratch();
  readonly #arrivingBatches = new Map<string, Promise<AppendResult>>();
  #arriving = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: AppendsOptions) {
    this.#options = options;
  }

  async append(batch: AppendBatch): Promise<AppendResult> {
    const { tables, batchIds, requireWritable } = this.#options;
    requireWritable();
    const table = tables.known.get(batch.sourceId) ?? (await tables.newest(batch.sourceId));
    if (batch.batchId === undefined) return this.#appendNew(table, batch);
    const key = batchKey(table.key, batch.batchId);
    // A first try that is under way decides; when it fails, this one is the first. No await between looking and entering.
    for (let arriving = this.#arrivingBatches.get(key); arriving; arriving = this.#arrivingBatches.get(key))
      await arriving.catch(() => {});
    const applied = batchIds.get(key);
    if (applied) return this.#acknowledgeAgain(table, batch, applied);
    batchIds.requireRoom(this.#arrivingBatches.size);
    const arriving = this.#appendNew(table, batch);
    this.#arrivingBatches.set(key, arriving);
    try {
      return await arriving;
    } finally {
      this.#arrivingBatches.delete(key);
    }
  }

  /** Resolves when no batch is under way. */
  async settle(): Promise<void> {
    if (this.#arriving > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** What was applied to a source that is gone by now says nothing about the one that bears its name. */
  async #acknowledgeAgain(table: SourceTable, batch: AppendBatch, applied: AppliedBatch): Promise<AppendResult> {
    if (await table.isAlive()) return { ...applied, duplicate: true, warnings: [] };
    await this.#options.tables.newest(batch.sourceId);
    return this.append(batch);
  }

  async #appendNew(table: SourceTable, batch: AppendBatch): Promise<AppendResult> {
    // Looked at again: a drain that began since would not wait for a batch that is not counted yet.
    this.#options.requireWritable();
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
    const frame = await this.#encodeIfFits(table, batch);
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
    const newest = await this.#options.tables.newest(batch.sourceId);
    const frame = await this.#encode(newest, batch);
    if (!frame)
      throw retryLater('unavailable', `source ${batch.sourceId}: its columns are changing`, overloadedRetryMs);
    return this.#logFrame(newest, batch, frame);
  }

  /** Undefined when the records do not fit the schema that is known. */
  async #encodeIfFits(table: SourceTable, batch: AppendBatch): Promise<Buffer | undefined> {
    try {
      return await this.#encode(table, batch);
    } catch (error) {
      if (!isHybridStoreError(error, 'invalid_request')) throw error;
      return undefined;
    }
  }

  /**
   * The frame without its place in the log. Undefined when the schema has changed while a thread encoded it: the frame
   * would be read by the wrong one.
   */
  async #encode(table: SourceTable, batch: AppendBatch): Promise<Buffer | undefined> {
    const { records } = batch;
    // Refused before the work of encoding where the rows alone say so; their bytes are known behind it.
    this.#requireRoom(table, { rows: records.length, bytes: 0 });
    const identity = frameIdentity(table, batch);
    const prefix = framePrefixBytes(table.sourceId, batch.batchId);
    const frame =
      'encode' in records
        ? await records.encode(table.encoderSchema, prefix)
        : table.encoder(this.#scratch).encode(records, prefix);
    if (table.snapshot.schemaVersion !== identity.schemaVersion) return undefined;
    writeFrameHeader(frame, identity);
    return frame;
  }

  #logFrame(table: SourceTable, batch: AppendBatch, frame: Buffer): Promise<AppendResult> {
    const { log, batchIds, metrics, clock, onAppended, onLogFull } = this.#options;
    const size = { rows: batch.records.length, bytes: frame.length };
    this.#requireRoom(table, size);
    const partitions = this.#partitionsOf(table, batch, frame);
    const key = batch.batchId === undefined ? undefined : batchKey(table.key, batch.batchId);
    const durable = table.definition.wal_enabled !== false;
    const { schemaVersion } = table.snapshot;
    return new Promise((resolve, reject) => {
      log.enqueue({
        frame,
        isLogged: durable,
        table: table.key,
        batchKey: key,
        rows: size.rows,
        acknowledge: (lsn) => {
          table.memory.settle(size);
          table.partitions.settle(partitions, true);
          table.memory.add({ lsn, rows: size.rows, schemaVersion, bytes: frame }, clock.now());
          if (key !== undefined) batchIds.remember(key, { lsn, accepted: size.rows, durable });
          metrics.appendedRows.inc(size.rows);
          metrics.appendedBytes.inc(size.bytes);
          onAppended(table);
          resolve({ lsn, accepted: size.rows, durable, duplicate: false, warnings: this.#warningsOf(table) });
        },
        refuse: (error) => {
          table.memory.settle(size);
          table.partitions.settle(partitions, false);
          if (isHybridStoreError(error, 'storage_full')) onLogFull();
          reject(error);
        },
      });
      table.memory.expect(size);
      table.partitions.enter(partitions);
    });
  }

  /** The partition values of a batch that may come in. From here until they are entered nothing is awaited. */
  #partitionsOf(table: SourceTable, { batchId }: AppendBatch, frame: Buffer): readonly PartitionKey[] {
    const { partitions, sourceId } = table;
    if (!partitions.isPartitioned) return [];
    const keys = partitions.keysOf(decodeBatch(frame.subarray(framePrefixBytes(sourceId, batchId))));
    partitions.requireRoom(keys, this.#options.limits.partitionsMax);
    return keys;
  }

  #warningsOf({ partitions, sourceId }: SourceTable): readonly Warning[] {
    if (!partitions.isPartitioned || partitions.count < partitionsWorrying) return [];
    const { partitionsMax } = this.#options.limits;
    const message = `source ${sourceId} has ${partitions.count} partition values, of at most ${partitionsMax}, and each has files of its own that are never merged with others; partition by something coarser, such as a date`;
    return [{ code: 'too_many_partitions', message }];
  }

  /** Rows are taken for as large as those of the source that are not flushed. Asks for a flush where there is no room. */
  room(table: SourceTable, rows: number, promised: number): Room {
    const { rowsAhead, bytesAhead } = table.memory;
    const rowBytes = rowsAhead === 0 ? 0 : bytesAhead / rowsAhead;
    if (this.#fits(table, { rows, bytes: Math.ceil((promised + rows) * rowBytes) }, promised)) return 'free';
    this.#options.onUnflushedFull(table);
    return this.#options.flushFailure(table) === undefined ? 'full' : this.#refusal(table);
  }

  #requireRoom(table: SourceTable, size: BatchSize): void {
    if (this.#fits(table, size)) return;
    this.#options.onUnflushedFull(table);
    throw this.#refusal(table);
  }

  /** A batch that alone exceeds the bound still gets in when there is nothing else. */
  #fits(table: SourceTable, size: BatchSize, promisedRows = 0): boolean {
    const { unflushedRowsMax, unflushedBytesMax } = this.#options.limits;
    const rowsAhead = table.memory.rowsAhead + promisedRows;
    const isRowsFull = rowsAhead > 0 && rowsAhead + size.rows > unflushedRowsMax;
    return !isRowsFull && hasRoom(unflushedBytesMax, this.#useOf(table), size.bytes);
  }

  #refusal(table: SourceTable): HybridStoreError {
    const failure = this.#options.flushFailure(table);
    if (isHybridStoreError(failure, 'storage_full')) return dataVolumeFull(failure);
    const { rowsAhead } = table.memory;
    return retryLater(
      'overloaded',
      `source ${table.sourceId}: ${rowsAhead} rows wait to be flushed`,
      overloadedRetryMs,
      { source_id: table.sourceId, unflushed_rows: rowsAhead },
    );
  }

  /** Of the unflushed bytes that the source may have now. */
  isHalfFull(table: SourceTable): boolean {
    return isHalfFull(this.#options.limits.unflushedBytesMax, this.#useOf(table));
  }

  #useOf(table: SourceTable): UnflushedUse {
    const { known } = this.#options.tables;
    return {
      heldBytes: table.memory.bytesAhead,
      sources: known.size,
      othersBytes: () => [...known.values()].filter((other) => other !== table).map(({ memory }) => memory.bytesAhead),
    };
  }
}
