import { Readable } from 'node:stream';
import type { CallContext } from '@hybridstore/http';
import { toHybridStoreError } from '@hybridstore/runtime';
import type { FastifyReply } from 'fastify';
import { errorLine } from './query-answer.ts';

/** Answers with a line of JSON for each; a failure under way is a last line `{"error": …}`. */
export function sendLines(reply: FastifyReply, lines: AsyncGenerator<object>, context: CallContext): FastifyReply {
  return reply.type('application/x-ndjson').send(Readable.from(write(lines, context), { objectMode: false }));
}

async function* write(lines: AsyncGenerator<object>, { logger, requestId }: CallContext): AsyncGenerator<Buffer> {
  try {
    for await (const line of lines) yield Buffer.from(`${JSON.stringify(line)}\n`);
  } catch (thrown) {
    const error = toHybridStoreError(thrown);
    if (error.code === 'internal') logger.error('check_failed', { error: error.cause ?? error });
    yield Buffer.from(`${JSON.stringify(errorLine(error.code, error.message, error.details, requestId))}\n`);
  }
}
