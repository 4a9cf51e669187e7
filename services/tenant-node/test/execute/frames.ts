import type { Column } from '@hybridstore/contracts';
import { BatchEncoder, frameKinds, framePrefixBytes, sealFrame, writeFrameHeader } from '@hybridstore/engine';

/** One log frame of `records`, as a node's log holds it. */
export function buildFrame(options: {
  readonly sourceId: string;
  readonly columns: readonly Column[];
  readonly lsn: number;
  readonly records: readonly Readonly<Record<string, unknown>>[];
}): Uint8Array {
  const { sourceId, columns, lsn, records } = options;
  const encoder = new BatchEncoder({ columns, partitionColumns: [], isDocument: false });
  const frame = encoder.encode(
    records.map((fields) => ({ fields })),
    framePrefixBytes(sourceId, undefined),
  );
  writeFrameHeader(frame, { kind: frameKinds.batch, sourceId, tableTag: 1n, schemaVersion: 1, rows: records.length });
  sealFrame(frame, { lsn, previousLsn: lsn - 1, durableLsn: lsn });
  return frame;
}
