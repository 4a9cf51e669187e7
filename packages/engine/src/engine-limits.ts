/** Bounds and times of an engine. Bytes and milliseconds, unless the name says otherwise. */
export type EngineLimits = {
  /** A flush starts when a source has this many unflushed rows or bytes, or a row this old. */
  readonly flushRows: number;
  readonly flushBytes: number;
  readonly flushIntervalMs: number;
  /** Beyond these, appends are `overloaded` until a flush has made room; per source, and for the node. */
  readonly unflushedRowsMax: number;
  readonly unflushedBytesMax: number;
  /** Beyond these, records of a new partition value are refused; per source. */
  readonly partitionsMax: number;
  readonly logSegmentBytesMax: number;
  readonly logQueueBytesMax: number;
  readonly logRetentionHours: number;
  /** Committed log segments beyond this go before their time: they bound how long a restart reads. */
  readonly logBytesMax: number;
  /** Beyond this a batch with a new id is `overloaded`. */
  readonly batchIdsMax: number;
  /** How long a batch id is remembered, at the least. */
  readonly batchIdRetentionHours: number;
  readonly commitsPerCheckpoint: number;
  readonly writerMemoryBytesMax: number;
  readonly writerThreads: number;
  readonly flushMsMax: number;
  readonly compactionMsMax: number;
  /** So many small files of a partition value are merged without anybody asking; 0: never. */
  readonly mergeFilesMin: number;
  /** From a commit to the look whether there is a need to merge. */
  readonly mergeDelayMs: number;
  /** A table without a commit for so long has fewer small files merged too. */
  readonly mergeRestMs: number;
  /** How long replaced files stay when no compaction has said otherwise. */
  readonly retainSnapshotsHours: number;
  /** Replaced files stay at least this long, for queries on other replicas, whose pins this one does not know. */
  readonly replacedFileGraceMs: number;
  /** What the vacuum has taken out of a table stays in its quarantine for so long. */
  readonly quarantineHours: number;
  /** Files of our names that no commit mentions may belong to a flush under way until they are this old. */
  readonly orphanGraceMs: number;
  /** How often old log segments are looked for, and how often files that nobody needs. */
  readonly maintenanceIntervalMs: number;
  readonly vacuumIntervalMs: number;
  /** How fast the scrub reads tables, and how long it rests between two passes. */
  readonly scrubBytesPerSecond: number;
  readonly scrubIntervalHours: number;
};

export const defaultLimits: EngineLimits = {
  flushRows: 100_000,
  flushBytes: 64 * 1024 * 1024,
  flushIntervalMs: 5_000,
  unflushedRowsMax: 400_000,
  unflushedBytesMax: 256 * 1024 * 1024,
  partitionsMax: 10_000,
  logSegmentBytesMax: 64 * 1024 * 1024,
  logQueueBytesMax: 128 * 1024 * 1024,
  logRetentionHours: 24,
  logBytesMax: 2 * 1024 * 1024 * 1024,
  batchIdsMax: 1_000_000,
  batchIdRetentionHours: 24,
  commitsPerCheckpoint: 20,
  writerMemoryBytesMax: 512 * 1024 * 1024,
  writerThreads: 1,
  flushMsMax: 120_000,
  compactionMsMax: 1_800_000,
  mergeFilesMin: 16,
  mergeDelayMs: 10_000,
  mergeRestMs: 300_000,
  retainSnapshotsHours: 24,
  replacedFileGraceMs: 15 * 60_000,
  quarantineHours: 24,
  orphanGraceMs: 60 * 60_000,
  maintenanceIntervalMs: 60_000,
  vacuumIntervalMs: 600_000,
  scrubBytesPerSecond: 8 * 1024 * 1024,
  scrubIntervalHours: 24,
};
