import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { createQueryId } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { search } from '../domain/verbs/search.ts';
import { callOf } from './call-of.ts';
import { sendWhole } from './query-answer.ts';

/** `POST /data/search`: records of one or several sources. */
export function routeSearch(server: Server, node: TenantNode): void {
  server.route(tenantNode.search, async (request, reply, context) => {
    const input = {
      queryId: createQueryId(),
      request: request.body,
      form: { shape: 'object', separator: ',' },
    } as const;
    return sendWhole(reply, await search(node, callOf(context), input), { field: 'records', hasColumns: false });
  });
}
