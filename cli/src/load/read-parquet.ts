import { stat } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Column } from '@hybridstore/contracts';
import { decodeLz4Block, HybridStoreError } from '@hybridstore/runtime';
import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from 'hyparquet';
import { formatInstant } from './exact-values.ts';
import { buildParquetCell, type Cell, parquetColumnType, withoutMeaning } from './parquet-cells.ts';
import { RefusedValue } from './refused-value.ts';
import type { ReadOptions, ReadRow } from './row.ts';

const rowsPerRead = 20_000;
/** Beside Snappy, which the reader brings. */
const compressors = {
  ZSTD: (input: Uint8Array) => zstdDecompressSync(input),
  GZIP: (input: Uint8Array) => gunzipSync(input),
  BROTLI: (input: Uint8Array) => brotliDecompressSync(input),
  LZ4_RAW: decodeLz4Block,
};
/** The reader makes these of INT96, whatever the schema says; text keeps the digits that a Date would lose. */
const parsers = { timestampFromNanoseconds: (units: bigint) => formatInstant(BigInt(units), 1_000_000_000n) };

/**
 * A flat or nested Parquet file, some thousand rows at a time. The library reads what is stored; what it means (decimals,
 * times, binary) is made of it here, at every depth, without a double or a Date between. A type that JSON has no form for
 * is refused before the first row, with its column.
 */
export async function* readParquet(path: string, _options: ReadOptions): AsyncGenerator<ReadRow> {
  yield* readParquetRows(path, { from: 0, to: Number.POSITIVE_INFINITY });
}

/** The same of the rows from one up to another, counted from 0. */
export async function* readParquetRows(
  path: string,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<ReadRow> {
  const { size } = await stat(path);
  const file = await asyncBufferFromFile(path);
  const stored = await parquetMetadataAsync(file, { geoparquet: false }).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const columns = cellsOf(path, stored);
  const metadata: FileMetaData = { ...stored, schema: stored.schema.map(withoutMeaning) };
  const total = Number(metadata.num_rows);
  const last = Math.min(total, to);
  for (let rowStart = from; rowStart < last; rowStart += rowsPerRead) {
    const rowEnd = Math.min(last, rowStart + rowsPerRead);
    const rows = await parquetReadObjects({
      file,
      metadata,
      compressors,
      parsers,
      rowStart,
      rowEnd,
      utf8: false,
      geoparquet: false,
    }).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    if (rows.length !== rowEnd - rowStart)
      throw unreadable(path, new Error(`row ${rowStart + rows.length + 1} is missing`));
    for (const [index, row] of rows.entries()) {
      const position = rowStart + index + 1;
      yield { unit: 'row', position, ...readFields(row, columns), bytesRead: Math.round((size * position) / total) };
    }
  }
}

/** The columns that keep what the file has. */
export async function describeParquet(path: string): Promise<readonly Column[]> {
  const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path), { geoparquet: false }).catch(
    (cause: unknown) => {
      throw unreadable(path, cause);
    },
  );
  cellsOf(path, metadata);
  return parquetSchema(metadata).children.map((child) => ({
    name: child.element.name,
    type: parquetColumnType(child),
  }));
}

type Columns = readonly (readonly [name: string, cell: Cell])[];

function cellsOf(path: string, metadata: FileMetaData): Columns {
  const tree = parquetSchema(metadata);
  const names = tree.children.map(({ element }) => element.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new HybridStoreError('invalid_request', `${path}: columns: expected a name for each, found ${twice} twice`);
  return tree.children.map((child: SchemaTree) => [child.element.name, buildParquetCell(path, child)] as const);
}

function readFields(row: Readonly<Record<string, unknown>>, columns: Columns) {
  const fields: Record<string, unknown> = {};
  for (const [name, cell] of columns) {
    const value = row[name];
    try {
      fields[name] = value === null || value === undefined ? null : cell(value);
    } catch (error) {
      if (error instanceof RefusedValue) return { rejection: `${name}: ${error.message}` };
      throw error;
    }
  }
  return { fields };
}

function unreadable(path: string, cause: unknown): HybridStoreError {
  const reason = cause instanceof Error ? cause.message : 'unreadable';
  return new HybridStoreError('invalid_request', `${path}: not readable as Parquet (${reason})`, {}, { cause });
}
