import { type TableSnapshot, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `GET /internal/tables/:source_id/snapshot`: the table as its log has it, page by page. */
export function routeSnapshot(server: Server, node: TenantNode): void {
  server.route(tenantNode.snapshot, async (request, _reply, context): Promise<TableSnapshot> => {
    requireOwnTenant(context, node.tenantId);
    const { source_id } = request.params;
    const place = request.query;
    const { definition } = await node.engine.source(source_id);
    const { state, files, nextOffset } = await node.snapshots.read(source_id, place);
    const own = node.engine.fresh(source_id, 0);
    return {
      tenant_id: node.tenantId,
      source_id,
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
  });
}
