import type { FrameHeader } from './frame.ts';

/** What retention and recovery must know of a segment without reading it again. Memory per segment, not per frame. */
export type SegmentSummary = {
  readonly path: string;
  readonly firstLsn: number;
  lastLsn: number;
  bytes: number;
  /** When the last frame was written; milliseconds since 1970. */
  writtenAtMs: number;
  /** Highest LSN of each table that has rows here. */
  readonly lastLsnOfTable: Map<string, number>;
  readonly batchKeys: string[];
  /** Bytes that are no frames any more. */
  readonly gaps: { readonly from: number; readonly to: number }[];
};

export function createSummary(path: string, firstLsn: number): SegmentSummary {
  return {
    path,
    firstLsn,
    lastLsn: 0,
    bytes: 0,
    writtenAtMs: 0,
    lastLsnOfTable: new Map(),
    batchKeys: [],
    gaps: [],
  };
}

/** One life of a source. */
export function tableKey(sourceId: string, tableTag: bigint): string {
  return `${sourceId}/${tableTag.toString(16)}`;
}

export function sourceIdOfKey(table: string): string {
  return table.slice(0, table.indexOf('/'));
}

export function batchKey(table: string, batchId: string): string {
  return `${table}/${batchId}`;
}

export function summarizeFrame(
  summary: SegmentSummary,
  frame: Pick<FrameHeader, 'lsn' | 'rows'>,
  ids: { readonly table: string | undefined; readonly batch: string | undefined },
): void {
  summary.lastLsn = frame.lsn;
  if (ids.table !== undefined) summary.lastLsnOfTable.set(ids.table, frame.lsn);
  if (ids.batch !== undefined) summary.batchKeys.push(ids.batch);
}
