import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { HybridStoreError } from '@hybridstore/runtime';
import type { ReadRow } from './read-file.ts';

/** One object a line; empty lines are passed over. */
export async function* readNdjson(path: string): AsyncGenerator<ReadRow> {
  const lines = createInterface({
    input: createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 }),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  let bytesRead = 0;
  let number = 0;
  for await (const line of lines) {
    number += 1;
    bytesRead += Buffer.byteLength(line) + 1;
    if (line.trim() === '') continue;
    yield { fields: parseLine(path, number, line), bytesRead };
  }
}

function parseLine(path: string, number: number, line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `${path}: line ${number}: not valid JSON (${cause instanceof Error ? cause.message : 'unreadable'})`,
      { line: number },
      { cause },
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HybridStoreError('invalid_request', `${path}: line ${number}: expected an object`, { line: number });
  return value as Record<string, unknown>;
}
