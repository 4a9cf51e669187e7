export type { Batch, BatchColumn } from './batch/batch.ts';
export { BatchEncoder } from './batch/batch-encoder.ts';
export type { ColumnKind } from './batch/column-kind.ts';
export { BatchAppender } from './duckdb/batch-appender.ts';
export { duckdbTypeName, quoteIdentifier, quoteText, tableColumnsSql } from './duckdb/column-types.ts';
export { createEngine } from './engine.ts';
export { defaultLimits, type EngineLimits } from './engine-limits.ts';
export type {
  AppendBatch,
  AppendResult,
  AppliedBatch,
  Commit,
  Engine,
  Frame,
  FreshFrames,
  SourceState,
  TableState,
} from './ports.ts';
export { decodeFrames, frameKinds, framePrefixBytes, sealFrame, writeFrameHeader } from './wal/frame.ts';
