export type { Batch, BatchColumn } from '../batch/batch.ts';
export type { ColumnKind } from '../batch/column-kind.ts';
export { decodeFrames } from '../wal/frame.ts';
export { type ArrowArray, ArrowArrays, type ArrowLayout } from './arrow-arrays.ts';
export { BatchAppender } from './batch-appender.ts';
export { duckdbTypeName, quoteIdentifier, quoteText, tableColumnsSql } from './column-types.ts';
export { type TextChunk, type TextRun, textRuns } from './text-runs.ts';
export { copyVector, type VectorRange } from './vector-columns.ts';
