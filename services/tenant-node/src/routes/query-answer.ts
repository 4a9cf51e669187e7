import { Readable } from 'node:stream';
import { type AnswerFormat, answerTypes } from '@hybridstore/contracts';
import type { CallContext } from '@hybridstore/http';
import { type ErrorCode, type ErrorDetails, HybridStoreError, toHybridStoreError } from '@hybridstore/runtime';
import type { FastifyReply } from 'fastify';
import type { RunningQuery } from '../domain/query-runner.ts';

const streamBytesAhead = 512 * 1024;

/** One JSON object with the rows under `field`; sent when the last row is there, so that a failure still has its status. */
export async function sendWhole(
  reply: FastifyReply,
  query: RunningQuery,
  form: { readonly field: 'rows' | 'records'; readonly hasColumns: boolean },
): Promise<FastifyReply> {
  const texts: Buffer[] = [];
  let rows = 0;
  for await (const piece of query.pieces()) {
    texts.push(...piece.texts);
    rows += piece.rows;
  }
  const columns = form.hasColumns ? `"columns":${JSON.stringify(query.columns)},` : '';
  const head = Buffer.from(`{${columns}"${form.field}":[`);
  const tail = Buffer.from(`],"row_count":${rows},"stats":${JSON.stringify(query.stats())}}`);
  return reply.type('application/json; charset=utf-8').send(Buffer.concat([head, ...texts, tail]));
}

/** How rows ended, as far as it is known. */
export type SentRows = { rows: number; error?: ErrorCode };

const contentTypes: Readonly<Record<AnswerFormat, string>> = {
  ...answerTypes,
  rows_csv: `${answerTypes.rows_csv}; charset=utf-8; header=present`,
};

type Streaming = {
  readonly format: AnswerFormat;
  readonly context: CallContext;
  /** Absent where nothing is said behind the rows. */
  readonly sent?: SentRows;
};

/**
 * Rows as a stream, as fast as the reader takes them. A failure under way is a last line `{"error": …}` of NDJSON; CSV and
 * Arrow have no place for it: they end early where `sent` is said behind them, and else the connection breaks.
 */
export function sendStream(reply: FastifyReply, query: RunningQuery, streaming: Streaming): FastifyReply {
  const stream = Readable.from(readRows(query, streaming), { objectMode: false, highWaterMark: streamBytesAhead });
  return reply.type(contentTypes[streaming.format]).send(stream);
}

async function* readRows(query: RunningQuery, { format, context, sent }: Streaming): AsyncGenerator<Buffer> {
  try {
    for await (const piece of query.pieces()) {
      if (sent) sent.rows += piece.rows;
      yield* piece.texts;
    }
  } catch (thrown) {
    const error = toHybridStoreError(thrown);
    if (sent) sent.error = error.code;
    if (error.code === 'internal') context.logger.error('query_failed', { error: error.cause ?? error });
    if (format === 'rows_ndjson')
      yield Buffer.from(`${JSON.stringify(errorLine(error.code, error.message, error.details, context.requestId))}\n`);
    else if (!sent) throw error;
  } finally {
    // Ends a query whose reader has left; one that has ended does not hear it.
    query.cancel(new HybridStoreError('unavailable', 'the reader went away'));
  }
}

export function errorLine(code: string, message: string, details: ErrorDetails, requestId: string): object {
  return { error: { code, message, details, request_id: requestId } };
}
