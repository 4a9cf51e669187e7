import { HybridStoreError } from '@hybridstore/contracts';
import type { Batch } from '../batch/batch.ts';
import { distinctKeys } from '../batch/partition-keys.ts';
import type { MemoryTable } from '../memtable/memory-table.ts';
import { type Snapshot, snapshotColumns } from '../table-log/snapshot.ts';
import { decodeFrame } from '../wal/frame.ts';

/** The values of the partition columns in one text, as a commit writes them: equal values have equal keys. */
export type PartitionKey = string;

type FreshPartition = { arriving: number; isHeld: boolean };

export type PartitionedTable = { readonly sourceId: string; readonly snapshot: Snapshot; readonly memory: MemoryTable };

/**
 * The partition values of one source: those of its files, and those that so far only unflushed rows have. The latter are
 * as many as the bound on partitions lets in, so they need none of their own. Rows that other nodes have not flushed
 * yet are not known here.
 */
export class SourcePartitions {
  readonly #table: PartitionedTable;
  readonly #fresh = new Map<PartitionKey, FreshPartition>();
  #committed: ReadonlySet<PartitionKey> = new Set();
  #seen: Snapshot | undefined;

  constructor(table: PartitionedTable) {
    this.#table = table;
  }

  get isPartitioned(): boolean {
    return (this.#table.snapshot.definition.partition_columns ?? []).length > 0;
  }

  /** Of files and of rows that are logged, or about to be. */
  get count(): number {
    this.#look();
    return this.#committed.size + this.#fresh.size;
  }

  /** The values that rows of a batch have, each once. */
  keysOf(batch: Batch): readonly PartitionKey[] {
    const columns = this.#partitionColumns();
    return distinctKeys(
      columns.map((index) => batch.columns[index]).filter((column) => column !== undefined),
      batch.rows,
    );
  }

  /** `conflict` where these would be more than there may be: values that the source has already are always taken. */
  requireRoom(keys: readonly PartitionKey[], partitionsMax: number): void {
    if (keys.length === 0) return;
    const { count } = this;
    const opened = keys.filter((key) => !this.#committed.has(key) && !this.#fresh.has(key)).length;
    if (opened === 0 || count + opened <= partitionsMax) return;
    const { sourceId } = this.#table;
    throw new HybridStoreError(
      'conflict',
      `source ${sourceId}: the records have ${opened} new partition values, and the source has ${count} of at most ${partitionsMax}`,
      {
        source_id: sourceId,
        field: 'records',
        expected: `at most ${partitionsMax} partition values`,
        actual: count + opened,
        partitions: count,
        partitions_max: partitionsMax,
      },
    );
  }

  /** Rows with these values are on their way through the log. */
  enter(keys: readonly PartitionKey[]): void {
    for (const key of keys) {
      if (this.#committed.has(key)) continue;
      const partition = this.#fresh.get(key) ?? { arriving: 0, isHeld: false };
      partition.arriving += 1;
      this.#fresh.set(key, partition);
    }
  }

  /** Takes `enter` back: the rows were acknowledged, or refused. */
  settle(keys: readonly PartitionKey[], isAcknowledged: boolean): void {
    for (const key of keys) {
      const partition = this.#fresh.get(key);
      if (!partition) continue; // a commit has brought it since
      partition.arriving -= 1;
      partition.isHeld ||= isAcknowledged;
      if (partition.arriving <= 0 && !partition.isHeld) this.#fresh.delete(key);
    }
  }

  #partitionColumns(): readonly number[] {
    const { definition } = this.#table.snapshot;
    const names = snapshotColumns(definition).map(({ name }) => name);
    return (definition.partition_columns ?? []).map((name) => names.indexOf(name));
  }

  /** A new version of the table has values that were fresh before; at the first look, rows of the log have some too. */
  #look(): void {
    const { snapshot, memory } = this.#table;
    if (this.#seen === snapshot) return;
    const isFirst = this.#seen === undefined;
    this.#seen = snapshot;
    const names = snapshot.definition.partition_columns ?? [];
    if (names.length === 0) return;
    const files = [...snapshot.files.values()];
    this.#committed = new Set(
      files.map(({ statistics }) => JSON.stringify(names.map((name) => statistics.partition[name] ?? null))),
    );
    for (const key of this.#fresh.keys()) if (this.#committed.has(key)) this.#fresh.delete(key);
    if (!isFirst) return;
    for (const { bytes } of memory.fresh(memory.committedLsn).frames) {
      const keys = this.keysOf(decodeFrame(bytes).batch);
      this.enter(keys);
      this.settle(keys, true);
    }
  }
}
