import { createReadStream } from 'node:fs';
import { HybridStoreError } from '@hybridstore/runtime';
import { type CsvError, parse } from 'csv-parse';
import type { ReadRow } from './read-file.ts';

const recordBytesMax = 16 * 1024 * 1024;

/** RFC 4180 with a header line. Every value is text; the loader gives it the type of its column. */
export async function* readCsv(path: string): AsyncGenerator<ReadRow> {
  const input = createReadStream(path, { highWaterMark: 1 << 20 });
  const parser = input.pipe(
    parse({ columns: true, bom: true, skip_empty_lines: true, max_record_size: recordBytesMax }),
  );
  input.on('error', (error) => parser.destroy(error));
  try {
    for await (const fields of parser) yield { fields: fields as Record<string, string>, bytesRead: input.bytesRead };
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || !String(cause.code).startsWith('CSV_')) throw cause;
    throw new HybridStoreError('invalid_request', `${path}: ${(cause as CsvError).message}`, {}, { cause });
  }
}
