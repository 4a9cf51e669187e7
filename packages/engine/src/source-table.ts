import type { SourceDefinition } from '@hybridstore/contracts';
import { isHybridStoreError, retryLater } from '@hybridstore/runtime';
import { SourcePartitions } from './append/source-partitions.ts';
import { BatchEncoder } from './batch/batch-encoder.ts';
import type { EncoderSchema } from './batch/encoded-column.ts';
import type { Scratch } from './batch/scratch.ts';
import { MemoryTable } from './memtable/memory-table.ts';
import type { SourceState, TableState } from './ports.ts';
import type { Pace } from './segment/segment-checksum.ts';
import type { ObjectStore } from './store/ports.ts';
import type { Action } from './table-log/actions.ts';
import { auditLog, type LogAudit } from './table-log/audit-log.ts';
import { type Snapshot, snapshotColumns, tableStateOf, tableTagOf } from './table-log/snapshot.ts';
import type { Decide, TableLog } from './table-log/table-log.ts';
import { pointerKey, type TablePointers, type VersionedPointer } from './table-pointers.ts';
import { tableKey } from './wal/segment-summary.ts';

export type SourceTableOptions = {
  readonly log: TableLog;
  readonly snapshot: Snapshot;
  readonly pointers: TablePointers;
  /** The pointer that led to the log. */
  readonly pointer: VersionedPointer;
  readonly appId: string;
  readonly store: Pick<ObjectStore, 'get' | 'list' | 'stat'>;
};

const awayRetryMs = 1_000;

/** One life of a source on this node: its table log, its fresh rows, and the encoder of its newest schema. */
export class SourceTable {
  readonly sourceId: string;
  readonly memory: MemoryTable;
  readonly partitions: SourcePartitions;
  readonly tableId: string;
  readonly tag: bigint;
  /** Names this life of the source in the node's log. */
  readonly key: string;
  readonly #log: TableLog;
  readonly #pointers: TablePointers;
  readonly #pointer: VersionedPointer;
  readonly #opened: Snapshot;
  readonly #store: SourceTableOptions['store'];
  #encoder: { readonly snapshot: Snapshot; readonly encoder: BatchEncoder } | undefined;

  constructor({ log, snapshot, pointers, pointer, appId, store }: SourceTableOptions) {
    this.sourceId = snapshot.definition.source_id;
    this.#log = log;
    this.#pointers = pointers;
    this.#pointer = pointer;
    this.tableId = snapshot.metadata.id;
    this.tag = tableTagOf(snapshot.metadata);
    this.key = tableKey(this.sourceId, this.tag);
    this.memory = new MemoryTable({ lsn: snapshot.txn.get(appId) ?? 0, tableVersion: snapshot.version });
    this.#opened = snapshot;
    this.partitions = new SourcePartitions(this);
    this.#store = store;
  }

  /** Prefix of the table's objects. */
  get location(): string {
    return this.#log.location;
  }

  get pointer(): VersionedPointer {
    return this.#pointer;
  }

  /** The newest version that was seen. */
  get snapshot(): Snapshot {
    return this.#log.current ?? this.#opened;
  }

  get definition(): SourceDefinition {
    return this.snapshot.definition;
  }

  /** Whether the source still has this table: one look at the store, which is true as well when the store is away. */
  async isAlive(): Promise<boolean> {
    return !(await this.#pointers.isReplaced(this.sourceId, this.#pointer.version));
  }

  /** The newest version, or undefined when the source was deleted. Looks at the store each time. */
  refresh(): Promise<Snapshot | undefined> {
    return this.#unlessDeleted(() => this.#log.refresh());
  }

  /** As `TableLog.commit`; undefined when the source was deleted. */
  async commit(decide: Decide): Promise<Snapshot | undefined> {
    if (!(await this.#isThere())) return undefined;
    return this.#unlessDeleted(() => this.#log.commit(decide, (actions) => this.#requireFiles(actions)));
  }

  /** A commit speaks of files as if they were there: one that names a missing one would make the table unreadable. */
  async #requireFiles(actions: readonly Action[]): Promise<void> {
    for (const action of actions) {
      if (!('add' in action)) continue;
      const { path, size } = action.add;
      const stat = await this.#store.stat(`${this.location}/${path}`);
      if (stat?.bytes === size) continue;
      const found = stat ? `it has ${stat.bytes} bytes instead of ${size}` : 'it is gone';
      throw retryLater('unavailable', `source ${this.sourceId}: ${path} cannot be committed: ${found}`, awayRetryMs, {
        source_id: this.sourceId,
        file: path,
      });
    }
  }

  /** As `auditLog`; undefined when the source was deleted. */
  async audit(pace?: Pace): Promise<LogAudit | undefined> {
    return this.#unlessDeleted(() => auditLog(this.#store, this.location, pace));
  }

  /** What vanishes under a reader is a table that is being deleted, or is missing. */
  async #unlessDeleted<T>(read: () => Promise<T>): Promise<T | undefined> {
    const [isThere, snapshot] = await Promise.allSettled([this.#isThere(), read()]);
    if (isThere.status === 'rejected') throw isThere.reason;
    if (snapshot.status === 'fulfilled') return isThere.value ? snapshot.value : undefined;
    const isMissing =
      isHybridStoreError(snapshot.reason, 'not_found') || isHybridStoreError(snapshot.reason, 'corrupt');
    if (isThere.value && (!isMissing || (await this.isAlive()))) throw snapshot.reason;
    return undefined;
  }

  /**
   * False when the source was deleted. `unavailable` when the store is away, as a volume that is not mounted any more is: a
   * table that is taken for deleted loses its fresh rows.
   */
  async #isThere(): Promise<boolean> {
    const [isAlive, isThere] = await Promise.all([this.isAlive(), this.#pointers.isThere(this.sourceId)]);
    if (!isAlive || isThere) return isAlive;
    const path = pointerKey(this.sourceId);
    throw retryLater('unavailable', `${path} is missing: is the volume of the tables mounted?`, awayRetryMs, { path });
  }

  /** Waits for commits and the checkpoint under way. */
  settle(): Promise<void> {
    return this.#log.settle();
  }

  encoder(scratch: Scratch): BatchEncoder {
    const { snapshot } = this;
    if (this.#encoder?.snapshot.metadata === snapshot.metadata) return this.#encoder.encoder;
    const encoder = new BatchEncoder(this.encoderSchema, scratch);
    this.#encoder = { snapshot, encoder };
    return encoder;
  }

  get encoderSchema(): EncoderSchema {
    const { definition } = this.snapshot;
    return {
      columns: snapshotColumns(definition),
      partitionColumns: definition.partition_columns ?? [],
      isDocument: definition.columns === undefined,
    };
  }

  get sourceState(): SourceState {
    const { snapshot } = this;
    return {
      sourceId: this.sourceId,
      definition: snapshot.definition,
      columns: snapshotColumns(snapshot.definition),
      schemaVersion: snapshot.schemaVersion,
      tableVersion: snapshot.version,
    };
  }

  tableState(snapshot: Snapshot): TableState {
    return tableStateOf(snapshot, this.location);
  }
}
