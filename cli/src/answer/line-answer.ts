import { type ErrorBody, isErrorCode } from '@hybridstore/contracts';
import { HybridStoreError, isRecord } from '@hybridstore/runtime';

const lineBreak = 0x0a;
/** Of a row of an answer: far above what the platform takes as one. */
export const answerRowBytesMax = 256 * 1024 * 1024;
const errorStart = '{"error":{"code":';

/** NDJSON of an answer as it comes. A failure under way, which is its last line, is thrown instead of passed on as a row. */
export async function* readLines(
  body: AsyncIterable<Uint8Array>,
  rowBytesMax = answerRowBytesMax,
): AsyncGenerator<Buffer> {
  let last = Buffer.alloc(0);
  let line = 1;
  for await (const bytes of body) {
    const text = Buffer.concat([last, bytes]);
    const end = text.lastIndexOf(lineBreak, -2) + 1;
    if (end > 0) yield text.subarray(0, end);
    for (let at = text.indexOf(lineBreak); at >= 0 && at < end; at = text.indexOf(lineBreak, at + 1)) line += 1;
    last = text.subarray(end);
    if (last.length > rowBytesMax) throw rowTooLong(line, last.length, rowBytesMax);
  }
  const error = readErrorLine(last.toString());
  if (error !== undefined) throw new HybridStoreError(error.code, error.message, error.details);
  if (last.length > 0) yield last;
}

export function rowTooLong(row: number, bytes: number, bytesMax: number): HybridStoreError {
  return new HybridStoreError(
    'too_large',
    `row ${row} of the answer: expected at most ${bytesMax} bytes, found ${bytes} without its end`,
    { row, bytes_max: bytesMax },
  );
}

/** A row may have a column `error`; it does not have a request's id beside a code of ours. */
function readErrorLine(line: string): ErrorBody['error'] | undefined {
  if (!line.startsWith(errorStart)) return undefined;
  const parsed: unknown = JSON.parse(line);
  const error = isRecord(parsed) && Object.keys(parsed).length === 1 ? parsed['error'] : undefined;
  if (!isRecord(error) || !isErrorCode(error['code']) || typeof error['request_id'] !== 'string') return undefined;
  return error as ErrorBody['error']; // it has the code and the id
}
