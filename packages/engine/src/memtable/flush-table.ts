import type { Clock } from '@hybridstore/runtime';
import type { Commit, Frame } from '../ports.ts';
import type { SegmentWriter } from '../segment/segment-writer.ts';
import type { SegmentFile, SegmentTarget, WriteRequest } from '../segment/writer-protocol.ts';
import type { SegmentIntents } from '../segment-intents.ts';
import type { SourceTable } from '../source-table.ts';
import { nameFullVolume } from '../store/data-volume-full.ts';
import type { ObjectStore } from '../store/ports.ts';
import { publishSegments } from '../store/publish-segments.ts';
import { fieldId, isMapped } from '../table-log/column-mapping.ts';
import { type Snapshot, snapshotColumns } from '../table-log/snapshot.ts';
import { appendActions } from '../table-log/table-actions.ts';

/**
 * One flush: the oldest frames of a source become Parquet files, and one commit makes the files part of the table
 * together with `txn {appId, LSN}`. The commit happens only on top of the LSN that the frames follow; so when an earlier
 * attempt got through although it seemed to fail, its rows are not written a second time.
 */
export type FlushContext = {
  readonly appId: string;
  readonly intents: Pick<SegmentIntents, 'during'>;
  readonly store: ObjectStore;
  readonly writer: SegmentWriter;
  readonly clock: Clock;
  readonly rowsMax: number;
  readonly bytesMax: number;
  /** The writer failed: perhaps it can do less. */
  readonly noteTooMuch: () => void;
};

export type FlushOutcome =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'committed'; readonly rows: number; readonly commit: Commit }
  /** The table already held more than was assumed; the rest is flushed next. */
  | { readonly kind: 'behind' }
  /** The source was deleted, by this node or another. */
  | { readonly kind: 'gone' };

const fileBytesDefault = 256 * 1024 * 1024;

export async function flushTable(table: SourceTable, context: FlushContext): Promise<FlushOutcome> {
  const base = await table.refresh();
  if (!base) return { kind: 'gone' };
  if (adoptCommitted(table, base, context)) return { kind: 'behind' };
  const frames = table.memory.oldest(context);
  if (frames.length === 0) return { kind: 'nothing' };
  const rows = frames.reduce((sum, frame) => sum + frame.rows, 0);
  return context.intents.during(table.location, async (filePrefix) => {
    const files = await writeFrames({ target: segmentTarget(base, { ...context, filePrefix }), rows }, frames, context);
    await publishSegments(context.store, table.location, files);
    return commitFiles(table, { files, frames, rows }, context);
  });
}

async function writeFrames(
  request: WriteRequest,
  frames: readonly Frame[],
  { writer, noteTooMuch }: FlushContext,
): Promise<readonly SegmentFile[]> {
  try {
    return await writer.write(
      request,
      frames.map((frame) => frame.bytes),
    );
  } catch (error) {
    noteTooMuch();
    throw nameFullVolume(error);
  }
}

/** True when the table holds rows of this log that memory still counted as fresh. */
function adoptCommitted(table: SourceTable, snapshot: Snapshot, context: FlushContext): boolean {
  const committedLsn = snapshot.txn.get(context.appId) ?? 0;
  if (committedLsn <= table.memory.committedLsn) return false;
  table.memory.commit(committedLsn, snapshot.version, context.clock.now());
  return true;
}

export function segmentTarget(
  snapshot: Snapshot,
  context: Pick<FlushContext, 'store'> & { readonly filePrefix: string },
): SegmentTarget {
  const { definition } = snapshot;
  const columns = snapshotColumns(definition);
  return {
    folder: context.store.stagingFolder,
    filePrefix: context.filePrefix,
    columns,
    fieldIds: isMapped(snapshot.metadata) ? columns.map((_, index) => fieldId(index)) : undefined,
    partitionColumns: definition.partition_columns ?? [],
    sortColumns: definition.index_columns ?? [],
    compression: definition.compression ?? 'snappy',
    fileBytesMax:
      definition.max_file_size_mb === undefined ? fileBytesDefault : definition.max_file_size_mb * 1024 * 1024,
  };
}

async function commitFiles(
  table: SourceTable,
  written: { readonly files: readonly SegmentFile[]; readonly frames: readonly Frame[]; readonly rows: number },
  context: FlushContext,
): Promise<FlushOutcome> {
  const lsn = written.frames.at(-1)!.lsn;
  const assumedLsn = table.memory.committedLsn;
  let sinceVersion = -1;
  const snapshot = await table.commit((base) => {
    if ((base.txn.get(context.appId) ?? 0) !== assumedLsn) return undefined;
    sinceVersion = base.version;
    return appendActions(base, written.files, { appId: context.appId, lsn, nowMs: context.clock.now() });
  });
  if (!snapshot) return { kind: 'gone' };
  const committedLsn = snapshot.txn.get(context.appId) ?? 0;
  table.memory.commit(committedLsn, snapshot.version, context.clock.now());
  if (committedLsn !== lsn) return { kind: 'behind' };
  const commit = {
    sourceId: table.sourceId,
    state: table.tableState(snapshot),
    sinceVersion,
    added: written.files.map(({ statistics }) => statistics),
    removed: [],
  };
  return { kind: 'committed', rows: written.rows, commit };
}
