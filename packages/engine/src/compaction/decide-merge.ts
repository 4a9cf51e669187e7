import type { FileStatistics } from '@hybridstore/contracts';

export type MergeBounds = {
  /** A file of so many bytes is left alone. */
  readonly fileBytesMin: number;
  /** Of all files of one merge together. */
  readonly fileBytesMax: number;
  /** With fewer small files of a partition value there is no need. */
  readonly filesMin: number;
};

/** A merge opens all its files at once. */
const filesPerMergeMax = 200;
/** A file joins those that are smaller when it is at most so many times as large as all of them. */
const largestOverOthersMax = 2;

/**
 * The files of a table that are to become one, or undefined where there is no need. Those of one partition value: of its
 * small files, from the smallest on, as many as there are before one that is more than twice as large as all before it
 * together. So a row is in a file at least half as large again after each merge, which bounds how often it is rewritten,
 * however small the flushes are.
 *
 *     sizes  1 1 1 1 2 2 3 40       1 to 3 become 11; then 11 and 40 wait until there are 9 more
 *
 * Left out on purpose: what a policy is for (bounds and times of its own), and order by time beyond that of the files.
 */
export function decideMerge(
  files: readonly FileStatistics[],
  bounds: MergeBounds,
): readonly FileStatistics[] | undefined {
  const small = files.filter((file) => file.bytes < bounds.fileBytesMin);
  if (small.length < Math.max(2, bounds.filesMin)) return undefined;
  const groups = [...Map.groupBy(small, partitionKey).values()].map((group) => worthMerging(group, bounds));
  const [first, ...others] = groups.filter((group) => group.length >= Math.max(2, bounds.filesMin));
  return others.reduce((most, group) => (most && group.length > most.length ? group : most), first);
}

function worthMerging(group: readonly FileStatistics[], { fileBytesMax }: MergeBounds): readonly FileStatistics[] {
  const bySize = [...group].sort((a, b) => a.bytes - b.bytes || byAge(a, b));
  let before = 0;
  let end = 0;
  for (const [index, { bytes }] of bySize.entries()) {
    if (bytes <= before * largestOverOthersMax) end = index + 1;
    before += bytes;
  }
  return takeUntilFull(bySize.slice(0, end).sort(byAge), fileBytesMax);
}

/** What came together stays together, so that times of the merged files stay narrow. */
function takeUntilFull(files: readonly FileStatistics[], bytesMax: number): readonly FileStatistics[] {
  let bytes = 0;
  const fitting = files.slice(0, filesPerMergeMax).findIndex((file) => {
    bytes += file.bytes;
    return bytes > bytesMax;
  });
  return files.slice(0, fitting < 0 ? filesPerMergeMax : fitting);
}

function partitionKey({ partition }: FileStatistics): string {
  return JSON.stringify(Object.entries(partition).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function byAge(a: FileStatistics, b: FileStatistics): number {
  return a.modified_at - b.modified_at || (a.path < b.path ? -1 : 1);
}
