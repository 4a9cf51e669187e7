export { BatchSections, type ColumnSection } from './batch-sections.ts';
export { bigintMax, CellReader, int32Max } from './cell-reader.ts';
export type { EncoderSchema } from './encoded-column.ts';
