import { createReadStream } from 'node:fs';
import { HybridStoreError } from '@hybridstore/runtime';
import { parse } from 'csv-parse';
import type { Fields, ReadRow } from './row.ts';

const recordBytesMax = 16 * 1024 * 1024;

type Parsed = { readonly record: readonly string[]; readonly info: { readonly lines: number } };

/**
 * RFC 4180 with a header line. Every value is text; the loader gives it the type of its column. A record of the wrong
 * width is rejected by its line (its last one, when it spans several); text that is no CSV ends the reading.
 */
export async function* readCsv(path: string): AsyncGenerator<ReadRow> {
  const input = createReadStream(path, { highWaterMark: 1 << 20 });
  const parser = input.pipe(
    parse({
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: recordBytesMax,
    }),
  );
  input.on('error', (error) => parser.destroy(error));
  let header: readonly string[] | undefined;
  try {
    // The parser's type does not follow from its options.
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      if (header === undefined) header = checkHeader(path, record);
      else yield { unit: 'line', position: info.lines, bytesRead: input.bytesRead, ...buildRow(header, record) };
    }
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || !String(cause.code).startsWith('CSV_')) throw cause;
    throw new HybridStoreError('invalid_request', `${path}: ${cause.message}`, {}, { cause });
  } finally {
    input.destroy();
  }
}

/** Of two columns with one name the first would be lost without a word. */
function checkHeader(path: string, names: readonly string[]): readonly string[] {
  for (const [index, name] of names.entries()) {
    const isTwice = names.indexOf(name) !== index;
    if (name === '' || isTwice)
      throw new HybridStoreError(
        'invalid_request',
        `${path}: header: expected a name of its own for every column, found ${name === '' ? 'an empty one' : `${name} twice`} (column ${index + 1})`,
        { column: index + 1 },
      );
  }
  return names;
}

function buildRow(
  header: readonly string[],
  record: readonly string[],
): { readonly fields: Fields } | { readonly rejection: string } {
  if (record.length !== header.length)
    return { rejection: `expected ${header.length} values as in the header, found ${record.length}` };
  return { fields: Object.fromEntries(header.map((name, index) => [name, record[index]])) };
}
