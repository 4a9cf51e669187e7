import { type ErrorBody, isErrorCode } from '@hybridstore/contracts';
import { HybridStoreError, isRecord } from '@hybridstore/runtime';

const lineBreak = 0x0a;
const errorStart = '{"error":{"code":';

/** NDJSON of an answer as it comes. A failure under way, which is its last line, is thrown instead of passed on as a row. */
export async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let last = Buffer.alloc(0);
  for await (const bytes of body) {
    const text = Buffer.concat([last, bytes]);
    const end = text.lastIndexOf(lineBreak, -2) + 1;
    if (end > 0) yield text.subarray(0, end);
    last = text.subarray(end);
  }
  const error = readErrorLine(last.toString());
  if (error !== undefined) throw new HybridStoreError(error.code, error.message, error.details);
  if (last.length > 0) yield last;
}

/** A row may have a column `error`; it does not have a request's id beside a code of ours. */
function readErrorLine(line: string): ErrorBody['error'] | undefined {
  if (!line.startsWith(errorStart)) return undefined;
  const parsed: unknown = JSON.parse(line);
  const error = isRecord(parsed) && Object.keys(parsed).length === 1 ? parsed['error'] : undefined;
  if (!isRecord(error) || !isErrorCode(error['code']) || typeof error['request_id'] !== 'string') return undefined;
  return error as ErrorBody['error']; // it has the code and the id
}
