import { Counter, durationBucketsSeconds, Gauge, Histogram, type Registry } from '@hybridstore/runtime';

/** What the engine counts. Labels are none: sources are not a bounded set. */
export type EngineMetrics = {
  readonly appendedRows: Counter;
  readonly appendedBytes: Counter;
  readonly groupSeconds: Histogram;
  readonly flushSeconds: Histogram;
  readonly flushFailures: Counter;
  readonly flushedRows: Counter;
  readonly commitConflicts: Counter;
  readonly compactedBytes: Counter;
  readonly vacuumsSkipped: Counter;
  readonly scrubbedBytes: Counter;
  readonly scrubbedTables: Counter;
};

const fsyncBucketsSeconds = [0.0001, 0.00025, ...durationBucketsSeconds];

export function createEngineMetrics(
  registry: Registry,
  read: {
    readonly unflushedRows: () => number;
    readonly logBytes: () => number;
    readonly damagedObjects: () => number;
    readonly flushesFailing: () => number;
    readonly logDamages: () => number;
    readonly batchIds: () => number;
  },
): EngineMetrics {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name: `hybridstore_engine_${name}`, help, registers });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `hybridstore_engine_${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('unflushed_rows', 'Acknowledged rows that are not in a table yet', read.unflushedRows);
  gauge('flushes_failing', 'Sources whose last flush failed', read.flushesFailing);
  gauge('log_damages', 'Damaged places of the log that hold committed rows, or batch ids', read.logDamages);
  gauge('batch_ids', 'Batch ids that are remembered', read.batchIds);
  gauge('log_bytes', 'Bytes of the log segments', read.logBytes);
  gauge('damaged_objects', 'Segments, commits and checkpoints that this node found damaged', read.damagedObjects);
  return {
    appendedRows: counter('appended_rows_total', 'Rows acknowledged'),
    appendedBytes: counter('appended_bytes_total', 'Bytes of the frames acknowledged'),
    flushFailures: counter('flush_failures_total', 'Flushes that failed and will be tried again'),
    flushedRows: counter('flushed_rows_total', 'Rows committed to tables'),
    commitConflicts: counter('commit_conflicts_total', 'Commits that another writer was faster with'),
    compactedBytes: counter('compacted_bytes_total', 'Bytes written by compactions'),
    scrubbedBytes: counter('scrubbed_bytes_total', 'Bytes of tables that were read and compared with their checksums'),
    scrubbedTables: counter(
      'scrubbed_tables_total',
      'Tables that were read as a whole and compared with their checksums',
    ),
    vacuumsSkipped: counter(
      'vacuums_skipped_total',
      'Vacuums that did nothing because the log of the table is damaged',
    ),
    groupSeconds: new Histogram({
      name: 'hybridstore_engine_log_group_seconds',
      help: 'Write and fdatasync of one group of frames',
      buckets: fsyncBucketsSeconds,
      registers,
    }),
    flushSeconds: new Histogram({
      name: 'hybridstore_engine_flush_seconds',
      help: 'From taking rows to their commit',
      buckets: durationBucketsSeconds,
      registers,
    }),
  };
}
