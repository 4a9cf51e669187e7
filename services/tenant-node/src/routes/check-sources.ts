import { Readable } from 'node:stream';
import { type CheckLine, tenantNode } from '@hybridstore/contracts';
import type { CallContext, Server } from '@hybridstore/http';
import { toHybridStoreError } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { checkSources } from '../domain/verbs/check-sources.ts';
import { callOf } from './call-of.ts';
import { errorLine } from './query-answer.ts';

/** `POST /admin/check`: a line for each source, and the count at the end. A failure under way is a last line `{"error": …}`. */
export function routeCheckSources(server: Server, node: TenantNode): void {
  server.route(tenantNode.checkSources, async (_request, reply, context) => {
    const lines = await checkSources(node, callOf(context));
    return reply.type('application/x-ndjson').send(Readable.from(write(lines, context), { objectMode: false }));
  });
}

async function* write(lines: AsyncGenerator<CheckLine>, { logger, requestId }: CallContext): AsyncGenerator<Buffer> {
  try {
    for await (const line of lines) yield Buffer.from(`${JSON.stringify(line)}\n`);
  } catch (thrown) {
    const error = toHybridStoreError(thrown);
    if (error.code === 'internal') logger.error('check_failed', { error: error.cause ?? error });
    yield Buffer.from(`${JSON.stringify(errorLine(error.code, error.message, error.details, requestId))}\n`);
  }
}
