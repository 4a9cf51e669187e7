import { segmentOwner } from '../segment/file-names.ts';
import type { Snapshot } from '../table-log/snapshot.ts';

/**
 * Which files of a table's folder nobody needs any more. Only files of our own naming are ever considered:
 *
 * - replaced ones, when they were replaced longer ago than the retention and no query on this node has them pinned;
 * - orphans (no commit mentions them) that this node wrote, once they are too old to belong to a flush under way;
 * - orphans of other nodes, much later: their writer looks after them, unless it is gone for good.
 */
export type VacuumInput = {
  readonly snapshot: Snapshot;
  readonly pinned: ReadonlySet<string>;
  readonly logId: string;
  readonly nowMs: number;
  readonly retainMs: number;
  readonly orphanGraceMs: number;
};

const foreignOrphanGraceMs = 7 * 24 * 3_600_000;

/** What becomes of a file by its name alone; an orphan's age decides the rest (`isExpiredOrphan`). */
export function judgeFile(name: string, input: VacuumInput): 'keep' | 'remove' | 'orphan' {
  if (!segmentOwner(name, input.logId) || input.snapshot.files.has(name) || input.pinned.has(name)) return 'keep';
  const tombstone = input.snapshot.tombstones.get(name);
  if (!tombstone) return 'orphan';
  return input.nowMs - (tombstone.deletionTimestamp ?? input.nowMs) >= input.retainMs ? 'remove' : 'keep';
}

export function isExpiredOrphan(
  file: { readonly name: string; readonly modifiedAtMs: number },
  input: VacuumInput,
): boolean {
  const isOurs = segmentOwner(file.name, input.logId) === 'this';
  const graceMs = isOurs ? input.orphanGraceMs : Math.max(foreignOrphanGraceMs, input.orphanGraceMs);
  return input.nowMs - file.modifiedAtMs >= graceMs;
}
