import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { sendLines } from './query-answer.ts';
import { startSearch } from './search.ts';

/** `POST /data/search/stream`: the records of a search, one `{source_id, fields}` a line. */
export function routeSearchStream(server: Server, node: TenantNode): void {
  server.route(tenantNode.searchStream, async (request, reply, context) =>
    sendLines(reply, await startSearch(node, request.body, context, '\n'), context),
  );
}
