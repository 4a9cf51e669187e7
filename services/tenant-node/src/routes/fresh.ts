import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { fetchFresh } from '../domain/verbs/fetch-fresh.ts';
import { callOf } from './call-of.ts';

/** `POST /internal/fresh`: a line of JSON about the frames, and the frames behind it. */
export function routeFresh(server: Server, node: TenantNode): void {
  server.route(tenantNode.fresh, async ({ body }, reply, context) => {
    const input = { sourceId: body.source_id, afterLsn: body.after_lsn };
    const { header, frames } = await fetchFresh(node, callOf(context), input);
    return reply
      .type('application/octet-stream')
      .send(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...frames]));
  });
}
