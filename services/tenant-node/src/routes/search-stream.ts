import { answerFormats, answerTypes, streamTypes, tenantNode } from '@hybridstore/contracts';
import { acceptedType, type Server } from '@hybridstore/http';
import { createQueryId } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { rowForms } from '../domain/verbs/execute-plan.ts';
import { search } from '../domain/verbs/search.ts';
import { callOf } from './call-of.ts';
import { sendStream } from './query-answer.ts';

/** `POST /data/search/stream`: the records of a search, one `{source_id, fields}` a line, or as CSV or Arrow. */
export function routeSearchStream(server: Server, node: TenantNode): void {
  server.route(tenantNode.searchStream, async (request, reply, context) => {
    const type = acceptedType(request.headers.accept, streamTypes) ?? answerTypes.rows_ndjson;
    const format = answerFormats.find((one) => answerTypes[one] === type) ?? 'rows_ndjson';
    const input = { queryId: createQueryId(), request: request.body, form: rowForms[format] };
    return sendStream(reply, await search(node, callOf(context), input), { format, context });
  });
}
