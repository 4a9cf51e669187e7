import { usageError } from '../usage-error.ts';
import type { Reader, ReadRow } from './row.ts';

export const formats = ['json', 'ndjson', 'csv', 'parquet', 'arrow'] as const;
export type Format = (typeof formats)[number];

/** Loaded when asked for: the columnar readers bring large libraries. */
const readers: Readonly<Record<Format, () => Promise<Reader>>> = {
  json: async () => (await import('./read-json.ts')).readJson,
  ndjson: async () => (await import('./read-ndjson.ts')).readNdjson,
  csv: async () => (await import('./read-csv.ts')).readCsv,
  parquet: async () => (await import('./read-parquet.ts')).readParquet,
  arrow: async () => (await import('./read-arrow.ts')).readArrow,
};
const endings: Readonly<Record<string, Format>> = {
  json: 'json',
  geojson: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  csv: 'csv',
  parquet: 'parquet',
  arrow: 'arrow',
  arrows: 'arrow',
  feather: 'arrow',
};

/** Format by flag or by the file's ending. */
export function chooseFormat(path: string, flag: string | undefined): Format {
  const name = flag ?? /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const format = Object.hasOwn(endings, name) ? endings[name] : undefined;
  if (!format)
    throw usageError('--format', `expected one of ${formats.join(', ')}, found ${name || 'a file without an ending'}`);
  return format;
}

export async function* readRows(path: string, format: Format): AsyncGenerator<ReadRow> {
  const read = await readers[format]();
  yield* read(path);
}
