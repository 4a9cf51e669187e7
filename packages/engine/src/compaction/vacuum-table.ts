import { segmentOwner } from '../segment/file-names.ts';
import { intentOf, type SegmentIntent } from '../segment-intents.ts';
import type { LogAudit } from '../table-log/audit-log.ts';

/**
 * Which files of a table's folder nobody needs any more. Only files of our own naming are ever considered, and only on a log
 * that was read as a whole without finding anything wrong:
 *
 * - replaced ones: a version says `remove`, longer ago than the retention, and no query on this node has them pinned;
 * - orphans: no version ever mentioned them, nobody is about to (`SegmentIntents`), and they are old; those of other nodes
 *   much older, since their writer looks after them, unless it is gone for good.
 *
 * Ages are by the store's own clock on both sides, and no age outweighs an intent: a clock that jumps takes nothing that is
 * wanted. What a node has left that is gone for good, with its intent, stays until somebody removes the intent.
 */
export type VacuumInput = {
  readonly audit: Pick<LogAudit, 'removedAtMs' | 'isWhole'> & { readonly live: ReadonlySet<string> };
  readonly intents: readonly SegmentIntent[];
  readonly pinned: ReadonlySet<string>;
  readonly logId: string;
  readonly nowMs: number;
  readonly retainMs: number;
  readonly orphanGraceMs: number;
};

export type Judgement = 'keep' | 'replaced' | 'orphan';

const foreignOrphanGraceMs = 7 * 24 * 3_600_000;

export function judgeFile(
  file: { readonly name: string; readonly modifiedAtMs: number },
  input: VacuumInput,
): Judgement {
  const { audit, nowMs } = input;
  const owner = segmentOwner(file.name, input.logId);
  if (!owner || audit.live.has(file.name) || input.pinned.has(file.name)) return 'keep';
  const removedAtMs = audit.removedAtMs.get(file.name);
  if (removedAtMs !== undefined) return nowMs - removedAtMs >= input.retainMs ? 'replaced' : 'keep';
  if (!audit.isWhole) return 'keep';
  if (input.intents.some((intent) => intent.id === intentOf(file.name) && !intent.isStale)) return 'keep';
  const { orphanGraceMs } = input;
  const graceMs = owner === 'this' ? orphanGraceMs : Math.max(foreignOrphanGraceMs, orphanGraceMs);
  return nowMs - file.modifiedAtMs >= graceMs ? 'orphan' : 'keep';
}
