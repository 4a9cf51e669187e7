import type { TableSnapshot } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

export type SnapshotInput = {
  readonly sourceId: string;
  /** Where the page begins, and of which version; the newest when absent. */
  readonly place: { readonly offset?: number; readonly version?: number };
};

/** One page of a table as its log has it, with what this node holds unflushed beside it. */
export async function readSnapshot(node: TenantNode, call: Call, input: SnapshotInput): Promise<TableSnapshot> {
  requireOwnTenant(node, call);
  const { definition } = await node.engine.source(input.sourceId);
  const { state, files, nextOffset } = await node.snapshots.read(input.sourceId, input.place);
  const own = node.engine.fresh(input.sourceId, 0);
  return {
    tenant_id: node.tenantId,
    source_id: input.sourceId,
    definition,
    columns: [...state.columns],
    schema_version: state.schemaVersion,
    table_version: state.version,
    committed_at: state.committedAtMs === undefined ? null : new Date(state.committedAtMs).toISOString(),
    files_total: state.files.length,
    files: [...files],
    next_offset: nextOffset ?? null,
    unflushed_rows: own.frames.reduce((sum, frame) => sum + (frame.lsn > own.committedLsn ? frame.rows : 0), 0),
  };
}
