import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { createQueryId } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { search } from '../domain/verbs/search.ts';
import { callOf } from './call-of.ts';
import { sendLines } from './query-answer.ts';

/** `POST /data/search/stream`: the records of a search, one `{source_id, fields}` a line. */
export function routeSearchStream(server: Server, node: TenantNode): void {
  server.route(tenantNode.searchStream, async (request, reply, context) => {
    const input = { queryId: createQueryId(), request: request.body, separator: '\n' } as const;
    return sendLines(reply, await search(node, callOf(context), input), context);
  });
}
