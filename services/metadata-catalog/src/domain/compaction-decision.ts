import type { FileStatistics } from '@hybridstore/contracts';

export type CompactionBounds = { readonly fileBytesMin: number; readonly fileBytesMax: number };

/** Files of one partition value that become one file of at most `fileBytesMax`. */
export type CompactionGroup = { readonly paths: readonly string[]; readonly bytes: number; readonly rows: number };

/** Bounds of the contract of `POST /internal/tables/{source}/compact`. */
const groupsMax = 1_000;
/** A merge opens all its files at once. */
const filesPerGroupMax = 1_000;

/**
 * Which files of a table to merge. Files of `fileBytesMin` and more are left alone; smaller ones of the same partition
 * value are packed, first fit in order of age, into groups of at most `fileBytesMax`. A group of one file is no work.
 *
 * One partition value, oldest first, with bounds of 50 and 100 MiB:
 * ```text
 * f0   f1   f2   f3   f4   f5
 * 40   40   60   40   40   20
 *  |    |         |    |    |
 *  +----+---------|----|----+    group 1: f0 f1 f5, 100 MiB: f3 and f4 did not fit, f5 does
 *            |    +----+         group 2: f3 f4, 80 MiB
 *            left alone: rewriting 60 MiB would gain one file
 * ```
 * Age instead of size as the order keeps rows that came together together, so that time ranges of the merged files stay
 * narrow and prune well; first fit still leaves at most one group of a partition value below half of the bound (two such
 * would have been one), which bounds the small files that stay.
 *
 * Left out on purpose: sorting or clustering of rows across files (a merge keeps what it gets); levels as in an LSM tree
 * (a file is merged again at each run until it has the least size, which bounds what is rewritten); how often a table is
 * read.
 */
export function decideCompaction(
  files: readonly FileStatistics[],
  bounds: CompactionBounds,
): readonly CompactionGroup[] {
  const small = files.filter((file) => file.bytes < Math.min(bounds.fileBytesMin, bounds.fileBytesMax));
  return [...groupByPartition(small).values()]
    .flatMap((partition) => packFirstFit([...partition].sort(byAge), bounds.fileBytesMax))
    .filter((group) => group.paths.length > 1)
    .slice(0, groupsMax);
}

/** Bounds that leave nothing alone but files that are full already. */
export function forcedBounds(bounds: CompactionBounds): CompactionBounds {
  return { fileBytesMin: bounds.fileBytesMax, fileBytesMax: bounds.fileBytesMax };
}

function groupByPartition(files: readonly FileStatistics[]): ReadonlyMap<string, readonly FileStatistics[]> {
  return Map.groupBy(files, (file) =>
    JSON.stringify(Object.entries(file.partition).sort(([a], [b]) => (a < b ? -1 : 1))),
  );
}

function byAge(a: FileStatistics, b: FileStatistics): number {
  return a.modified_at - b.modified_at || (a.path < b.path ? -1 : 1);
}

type OpenGroup = { paths: string[]; bytes: number; rows: number };

function packFirstFit(files: readonly FileStatistics[], bytesMax: number): readonly CompactionGroup[] {
  const groups: OpenGroup[] = [];
  for (const file of files) {
    const group = groups.find((open) => open.bytes + file.bytes <= bytesMax && open.paths.length < filesPerGroupMax);
    if (!group) {
      groups.push({ paths: [file.path], bytes: file.bytes, rows: file.rows });
      continue;
    }
    group.paths.push(file.path);
    group.bytes += file.bytes;
    group.rows += file.rows;
  }
  return groups;
}

/** Splits groups into requests of at most `bytesMax` (at least one group each), so that what is done stays done when a later request fails. */
export function batchGroups(
  groups: readonly CompactionGroup[],
  bytesMax: number,
): readonly (readonly CompactionGroup[])[] {
  const batches: CompactionGroup[][] = [];
  let room = 0;
  for (const group of groups) {
    const batch = batches.at(-1);
    if (batch && group.bytes <= room) {
      batch.push(group);
      room -= group.bytes;
    } else {
      batches.push([group]);
      room = bytesMax - group.bytes;
    }
  }
  return batches;
}
