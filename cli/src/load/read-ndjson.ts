import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fieldsOf, parseExactly } from './parse-exactly.ts';
import type { ReadRow } from './row.ts';

/** One object a line; empty lines are passed over. */
export async function* readNdjson(path: string): AsyncGenerator<ReadRow> {
  const lines = createInterface({
    input: createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 }),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  let bytesRead = 0;
  let position = 0;
  for await (const line of lines) {
    position += 1;
    bytesRead += Buffer.byteLength(line) + 1;
    if (line.trim() === '') continue;
    yield { unit: 'line', position, bytesRead, ...parseLine(position === 1 ? line.replace(/^\uFEFF/, '') : line) };
  }
}

function parseLine(line: string): ReturnType<typeof fieldsOf> {
  try {
    return fieldsOf(parseExactly(line));
  } catch (error) {
    return { rejection: `not valid JSON (${error instanceof Error ? error.message : 'unreadable'})` };
  }
}
