import { type FreshHeader, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { retryLater } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `POST /internal/fresh`: what this node acknowledged of a source and no table version holds yet. */
export function routeFresh(server: Server, node: TenantNode): void {
  server.route(tenantNode.fresh, async (request, reply, context) => {
    requireOwnTenant(context, node.tenantId);
    const { source_id, after_lsn } = request.body;
    // A log that is still being replayed knows less than it acknowledged.
    if (node.engine.notReadyReasons().includes('recovering'))
      throw retryLater('unavailable', 'the log is being replayed', 500);
    // Rows of a source that was deleted and made again elsewhere are not its rows, and rows that were not replayed are
    // rows: only the newest look at the table tells.
    await node.engine.source(source_id);
    const all = node.engine.fresh(source_id, 0);
    const frames = all.frames.filter((frame) => frame.lsn > after_lsn).map((frame) => frame.bytes);
    const header: FreshHeader = {
      log_id: node.engine.logId,
      app_id: node.engine.appId,
      acknowledged_lsn: all.acknowledgedLsn,
      committed_lsn: all.committedLsn,
      table_version: all.tableVersion,
      unflushed_rows: all.frames.reduce((sum, frame) => sum + (frame.lsn > all.committedLsn ? frame.rows : 0), 0),
      frames: frames.length,
      bytes: frames.reduce((sum, bytes) => sum + bytes.length, 0),
    };
    return reply
      .type('application/octet-stream')
      .send(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...frames]));
  });
}
