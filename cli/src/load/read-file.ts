import { HybridStoreError } from '@hybridstore/runtime';
import { readCsv } from './read-csv.ts';
import { readJson } from './read-json.ts';
import { readNdjson } from './read-ndjson.ts';
import { readParquet } from './read-parquet.ts';

export type Fields = Readonly<Record<string, unknown>>;
/** One row and how many bytes of the file were read when it came. */
export type ReadRow = { readonly fields: Fields; readonly bytesRead: number };
export type Reader = (path: string) => AsyncIterable<ReadRow>;

export const formats = ['json', 'ndjson', 'csv', 'parquet'] as const;
export type Format = (typeof formats)[number];

const readers: Readonly<Record<Format, Reader>> = {
  json: readJson,
  ndjson: readNdjson,
  csv: readCsv,
  parquet: readParquet,
};
const endings: Readonly<Record<string, Format>> = {
  json: 'json',
  geojson: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  csv: 'csv',
  parquet: 'parquet',
};

/** Format by flag or by the file's ending. */
export function chooseFormat(path: string, flag: string | undefined): Format {
  const name = flag ?? path.split('.').at(-1)?.toLowerCase() ?? '';
  const format = Object.hasOwn(endings, name) ? endings[name] : undefined;
  if (!format)
    throw new HybridStoreError(
      'invalid_request',
      `--format: expected one of ${formats.join(', ')}, found ${name || 'nothing'}`,
      { field: '--format' },
    );
  return format;
}

export function readRows(path: string, format: Format): AsyncIterable<ReadRow> {
  return readers[format](path);
}
