export { BatchEncoder, type FieldRecord } from './batch/batch-encoder.ts';
export { BatchSections, type ColumnSection } from './batch/batch-sections.ts';
export { type EncodedColumn, type EncoderSchema, encodedColumn, textBytesMax } from './batch/encoded-column.ts';
export { NdjsonEncoder } from './batch/ndjson-encoder.ts';
export { RefusedRecord } from './batch/refused-record.ts';
export { quarantineFile } from './compaction/quarantine.ts';
export { createEngine } from './engine.ts';
export { defaultLimits, type EngineLimits } from './engine-limits.ts';
export { checkSource, checkTable } from './integrity/check-source.ts';
export type {
  AppendBatch,
  AppendResult,
  AppliedBatch,
  CheckOnlooker,
  Commit,
  EncodedElsewhere,
  Engine,
  Frame,
  FreshFrames,
  LogCheck,
  LogOnlooker,
  LogPosition,
  LogProblem,
  Room,
  SourceCheck,
  SourceListing,
  SourceProblem,
  SourceState,
  TableState,
} from './ports.ts';
export { isOwnSegment } from './segment/file-names.ts';
export { createFileObjectStore } from './store/file-object-store.ts';
export { createMemoryObjectStore } from './store/memory-object-store.ts';
export type { ObjectStore } from './store/ports.ts';
export { frameKinds, framePrefixBytes, sealFrame, writeFrameHeader } from './wal/frame.ts';
