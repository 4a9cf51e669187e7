import type { Column } from '@hybridstore/contracts';
import { usageError } from '../usage-error.ts';
import type { Reader, ReadOptions, ReadRow } from './row.ts';

export const formats = ['json', 'ndjson', 'csv', 'tsv', 'parquet', 'arrow'] as const;
export type Format = (typeof formats)[number];

/** Loaded when asked for: the columnar readers bring large libraries. */
const readers: Readonly<Record<Format, () => Promise<Reader>>> = {
  json: async () => (await import('./read-json.ts')).readJson,
  ndjson: async () => (await import('./read-ndjson.ts')).readNdjson,
  csv: async () => (await import('./read-csv.ts')).readCsv,
  tsv: async () => {
    const { readCsv } = await import('./read-csv.ts');
    return (path, options) => readCsv(path, { delimiter: '\t', ...options });
  },
  parquet: async () => (await import('./read-parquet.ts')).readParquet,
  arrow: async () => (await import('./read-arrow.ts')).readArrow,
};
const endings: Readonly<Record<string, Format>> = {
  json: 'json',
  geojson: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  parquet: 'parquet',
  arrow: 'arrow',
  arrows: 'arrow',
  feather: 'arrow',
};
/** Behind the ending that names the format. */
const packedEnding = /\.(gz|gzip|zst|zstd)$/i;

/** The name without the ending of a packing: `a.csv.gz` is `a.csv`. */
export function withoutPacking(path: string): string {
  return path.replace(packedEnding, '');
}

/** Format by flag or by the file's ending. */
export function chooseFormat(path: string, flag: string | undefined): Format {
  const name = flag ?? /\.([^./]+)$/.exec(withoutPacking(path))?.[1]?.toLowerCase() ?? '';
  const format = Object.hasOwn(endings, name) ? endings[name] : undefined;
  if (!format)
    throw usageError('--format', `expected one of ${formats.join(', ')}, found ${name || 'a file without an ending'}`);
  return format;
}

/** CSV and its kin, where every value is text that gets its type from its column. */
export function isTyped(format: Format): boolean {
  return format !== 'csv' && format !== 'tsv';
}

/** Whether the whole of the file is text, in some encoding. */
export function isTextFormat(format: Format): boolean {
  return format !== 'parquet' && format !== 'arrow';
}

export async function* readRows(path: string, format: Format, options: ReadOptions = {}): AsyncGenerator<ReadRow> {
  const read = await readers[format]();
  yield* read(path, options);
}

/** The columns that a file declares itself; undefined for a format of text, which declares none. */
export async function describeColumns(path: string, format: Format): Promise<readonly Column[] | undefined> {
  if (format === 'parquet') return (await import('./read-parquet.ts')).describeParquet(path);
  if (format === 'arrow') return (await import('./read-arrow.ts')).describeArrow(path);
  return undefined;
}
