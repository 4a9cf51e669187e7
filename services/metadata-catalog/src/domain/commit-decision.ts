import type { CommitNotice } from '@hybridstore/contracts';

/**
 * What a commit notice means for a table held at `heldVersion` (null: not held).
 * `replace`: the notice holds the whole table. `apply`: it continues what is held. `ignore`: it holds nothing new.
 * `reread`: versions are missing in between (a lost or overtaken notice), so the table is read from the node again.
 */
export type CommitDecision = 'replace' | 'apply' | 'ignore' | 'reread';

export function decideCommit(
  heldVersion: number | null,
  notice: Pick<CommitNotice, 'since_version' | 'table_version'>,
): CommitDecision {
  if (heldVersion !== null && notice.table_version <= heldVersion) return 'ignore';
  if (notice.since_version === -1) return 'replace';
  return notice.since_version === heldVersion ? 'apply' : 'reread';
}
