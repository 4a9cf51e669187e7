import type { FreshHeader } from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import { retryLater } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

export type FreshRows = { readonly header: FreshHeader; readonly frames: readonly Uint8Array[] };

/** What this node acknowledged of a source beyond `afterLsn`, and no table version holds yet. */
export async function fetchFresh(
  node: TenantNode,
  call: Call,
  { sourceId, afterLsn }: { readonly sourceId: string; readonly afterLsn: number },
): Promise<FreshRows> {
  requireOwnTenant(node, call);
  requireReplayed(node);
  // Rows of a source that was deleted and made again elsewhere are not its rows, and rows that were not replayed are
  // rows: only the newest look at the table shows which.
  await node.engine.source(sourceId);
  const all = node.engine.fresh(sourceId, 0);
  const frames = all.frames.filter((frame) => frame.lsn > afterLsn).map((frame) => frame.bytes);
  const failing = node.engine.problems().find((problem) => problem.sourceId === sourceId);
  const header = {
    log_id: node.engine.logId,
    app_id: node.engine.appId,
    acknowledged_lsn: all.acknowledgedLsn,
    committed_lsn: all.committedLsn,
    table_version: all.tableVersion,
    unflushed_rows: all.frames.reduce((sum, frame) => sum + (frame.lsn > all.committedLsn ? frame.rows : 0), 0),
    ...(failing ? { flush_failing: failing.message } : {}),
    frames: frames.length,
    bytes: frames.reduce((sum, bytes) => sum + bytes.length, 0),
  };
  return { header, frames };
}

/** A log that is still being replayed knows less than it acknowledged. */
export function requireReplayed({ engine }: { readonly engine: Pick<Engine, 'notReadyReasons'> }): void {
  if (engine.notReadyReasons().includes('recovering'))
    throw retryLater('unavailable', 'the log is being replayed', 500);
}
