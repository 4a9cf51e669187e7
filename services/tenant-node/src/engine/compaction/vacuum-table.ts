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
  readonly files: readonly { readonly name: string; readonly modifiedAtMs: number }[];
  readonly pinned: ReadonlySet<string>;
  readonly logId: string;
  readonly nowMs: number;
  readonly retainMs: number;
  readonly orphanGraceMs: number;
};

const foreignOrphanGraceMs = 7 * 24 * 3_600_000;

export function decideVacuum(input: VacuumInput): string[] {
  return input.files.filter((file) => isUnneeded(file, input)).map((file) => file.name);
}

function isUnneeded(file: VacuumInput['files'][number], input: VacuumInput): boolean {
  const owner = segmentOwner(file.name, input.logId);
  if (!owner || input.snapshot.files.has(file.name) || input.pinned.has(file.name)) return false;
  const tombstone = input.snapshot.tombstones.get(file.name);
  if (tombstone) return input.nowMs - (tombstone.deletionTimestamp ?? input.nowMs) >= input.retainMs;
  const graceMs = owner === 'this' ? input.orphanGraceMs : Math.max(foreignOrphanGraceMs, input.orphanGraceMs);
  return input.nowMs - file.modifiedAtMs >= graceMs;
}
