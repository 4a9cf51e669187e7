import type { CompactTableRequest, CompactTableResponse, FileStatistics } from '@hybridstore/contracts';
import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import { segmentTarget } from '../memtable/flush-table.ts';
import type { Commit } from '../ports.ts';
import type { SegmentWriter } from '../segment/segment-writer.ts';
import type { SegmentFile } from '../segment/writer-protocol.ts';
import type { SegmentIntents } from '../segment-intents.ts';
import type { SourceTable } from '../source-table.ts';
import type { ObjectStore } from '../store/ports.ts';
import { publishSegments } from '../store/publish-segments.ts';
import type { LiveFile, Snapshot } from '../table-log/snapshot.ts';
import { replaceActions } from '../table-log/table-actions.ts';

/**
 * Compaction: the files of each group become fewer, larger ones with the same rows. One group is one commit; it swaps
 * all its files or none, and only while all of them are still live. Whoever removed one meanwhile wins.
 */
export type CompactionContext = {
  readonly intents: Pick<SegmentIntents, 'during'>;
  readonly store: ObjectStore;
  readonly writer: SegmentWriter;
  readonly clock: Clock;
  /** `corrupt` for a file that is not, at this moment, what was committed. */
  readonly verify: (table: SourceTable, file: LiveFile) => Promise<void>;
  readonly onCommit: (commit: Commit) => void;
};

/** Which files become how large ones. */
export type CompactionRequest = Pick<CompactTableRequest, 'groups' | 'file_bytes_max'>;

export async function compactTable(
  table: SourceTable,
  request: CompactionRequest,
  context: CompactionContext,
): Promise<CompactTableResponse> {
  const total = {
    table_version: table.snapshot.version,
    files_before: 0,
    files_after: 0,
    bytes_before: 0,
    bytes_after: 0,
  };
  for (const group of request.groups) {
    const { before, after, version } = await compactGroup(table, [...new Set(group.paths)], request, context);
    total.table_version = version;
    total.files_before += before.length;
    total.files_after += after.length;
    total.bytes_before += sumBytes(before);
    total.bytes_after += sumBytes(after);
  }
  return total;
}

type GroupResult = {
  readonly before: readonly FileStatistics[];
  readonly after: readonly FileStatistics[];
  readonly version: number;
};

async function compactGroup(
  table: SourceTable,
  paths: readonly string[],
  request: CompactionRequest,
  context: CompactionContext,
): Promise<GroupResult> {
  const base = await table.refresh();
  const replaced = requireLive(table, base, paths);
  const before = replaced.map((file) => file.statistics);
  return context.intents.during(table.location, async (filePrefix) => {
    // What is merged gets a checksum of its own: damage that is not found now would be vouched for.
    for (const file of replaced) await context.verify(table, file);
    const after = await context.writer.merge({
      target: {
        ...segmentTarget(table.snapshot, { ...context, filePrefix }),
        compression: 'zstd',
        fileBytesMax: request.file_bytes_max,
      },
      paths: await Promise.all(paths.map((path) => context.store.bringToLocal(`${table.location}/${path}`))),
      rows: before.reduce((sum, file) => sum + file.rows, 0),
      bytes: sumBytes(before),
      partition: before[0]!.partition,
    });
    await publishSegments(context.store, table.location, after);
    const version = await swapFiles(table, { paths, after }, context);
    return { before, after: after.map(({ statistics }) => statistics), version };
  });
}

async function swapFiles(
  table: SourceTable,
  swap: { readonly paths: readonly string[]; readonly after: readonly SegmentFile[] },
  context: CompactionContext,
): Promise<number> {
  let sinceVersion = -1;
  let refusal: unknown;
  // Whoever counts how long ago files were replaced does so by the store's clock; the later time keeps them longer.
  const removedAtMs = Math.max(context.clock.now(), Math.ceil(await context.store.nowMs()));
  const snapshot = await table.commit((base) => {
    try {
      const replaced = requireLive(table, base, swap.paths);
      sinceVersion = base.version;
      return replaceActions(base, replaced, swap.after, removedAtMs);
    } catch (error) {
      refusal = error;
      return undefined;
    }
  });
  if (refusal !== undefined || !snapshot) {
    // Nothing refers to the new files: the commit was not even tried.
    for (const { statistics } of swap.after) await context.store.delete(`${table.location}/${statistics.path}`);
    throw refusal ?? deletedSource(table);
  }
  context.onCommit({
    sourceId: table.sourceId,
    state: table.tableState(snapshot),
    sinceVersion,
    added: swap.after.map(({ statistics }) => statistics),
    removed: swap.paths,
  });
  return snapshot.version;
}

function requireLive(table: SourceTable, base: Snapshot | undefined, paths: readonly string[]): readonly LiveFile[] {
  if (!base) throw deletedSource(table);
  const files = paths.map((path) => {
    const file = base.files.get(path);
    if (!file) throw refusedGroup(table, path, 'is not a live file of the table');
    return file;
  });
  const partition = JSON.stringify(files[0]?.statistics.partition);
  const stranger = files.find((file) => JSON.stringify(file.statistics.partition) !== partition);
  if (stranger) throw refusedGroup(table, stranger.statistics.path, 'has another partition value than the first file');
  return files;
}

function deletedSource(table: SourceTable): HybridStoreError {
  return new HybridStoreError('not_found', `source ${table.sourceId} was deleted`, { source_id: table.sourceId });
}

function refusedGroup(table: SourceTable, path: string, what: string): HybridStoreError {
  return new HybridStoreError('conflict', `source ${table.sourceId}: ${path} ${what}`, {
    source_id: table.sourceId,
    path,
  });
}

function sumBytes(files: readonly FileStatistics[]): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}
