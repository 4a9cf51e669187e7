import { join } from 'node:path';
import type { SourceDefinition } from '@hybridstore/contracts';
import { BatchEncoder } from './batch/batch-encoder.ts';
import type { Scratch } from './batch/scratch.ts';
import { MemoryTable } from './memtable/memory-table.ts';
import type { SourceState, TableState } from './ports.ts';
import { type Snapshot, snapshotColumns, tableStateOf, tableTagOf } from './table-log/snapshot.ts';
import type { TableLog } from './table-log/table-log.ts';
import { tableKey } from './wal/segment-summary.ts';

export const tablesFolder = 'tables';

/** One life of a source on this node: its table log, its fresh rows, and the encoder of its newest schema. */
export class SourceTable {
  readonly sourceId: string;
  readonly log: TableLog;
  readonly memory: MemoryTable;
  readonly tableId: string;
  readonly tag: bigint;
  /** Names this life of the source in the node's log. */
  readonly key: string;
  readonly directory: string;
  #encoder: { readonly snapshot: Snapshot; readonly encoder: BatchEncoder } | undefined;
  #newest: Snapshot;

  constructor(made: {
    readonly log: TableLog;
    readonly snapshot: Snapshot;
    readonly dataFolder: string;
    readonly appId: string;
  }) {
    const { snapshot } = made;
    this.sourceId = snapshot.definition.source_id;
    this.log = made.log;
    this.tableId = snapshot.metadata.id;
    this.tag = tableTagOf(snapshot.metadata);
    this.key = tableKey(this.sourceId, this.tag);
    this.directory = join(made.dataFolder, tablesFolder, this.sourceId);
    this.memory = new MemoryTable({ lsn: snapshot.txn.get(made.appId) ?? 0, tableVersion: snapshot.version });
    this.#newest = snapshot;
  }

  /** The newest version that was seen of this life of the source. */
  get snapshot(): Snapshot {
    const current = this.log.current;
    if (current && this.isSameLife(current)) this.#newest = current;
    return this.#newest;
  }

  get definition(): SourceDefinition {
    return this.snapshot.definition;
  }

  isSameLife(snapshot: Snapshot | undefined): snapshot is Snapshot {
    return snapshot?.metadata.id === this.tableId;
  }

  encoder(scratch: Scratch): BatchEncoder {
    const { snapshot } = this;
    if (this.#encoder?.snapshot.metadata === snapshot.metadata) return this.#encoder.encoder;
    const encoder = new BatchEncoder(
      {
        columns: snapshotColumns(snapshot.definition),
        partitionColumns: snapshot.definition.partition_columns ?? [],
        isDocument: snapshot.definition.columns === undefined,
      },
      scratch,
    );
    this.#encoder = { snapshot, encoder };
    return encoder;
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
    return tableStateOf(snapshot, this.directory);
  }
}
