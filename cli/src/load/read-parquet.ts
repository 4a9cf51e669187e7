import { stat } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { HybridStoreError } from '@hybridstore/runtime';
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { formatDay, formatDecimal, formatInstant } from './exact-values.ts';
import { decodeLz4Block } from './lz4.ts';
import type { Fields, ReadRow } from './row.ts';

const rowsPerRead = 20_000;
/** Beside Snappy, which the reader brings. */
const compressors = {
  ZSTD: (input: Uint8Array) => zstdDecompressSync(input),
  GZIP: (input: Uint8Array) => gunzipSync(input),
  BROTLI: (input: Uint8Array) => brotliDecompressSync(input),
  LZ4_RAW: decodeLz4Block,
};
/** Text keeps the microseconds that a Date would lose. */
const parsers = {
  timestampFromMilliseconds: (units: bigint) => formatInstant(BigInt(units), 1_000n),
  timestampFromMicroseconds: (units: bigint) => formatInstant(BigInt(units), 1_000_000n),
  timestampFromNanoseconds: (units: bigint) => formatInstant(BigInt(units), 1_000_000_000n),
  dateFromDays: formatDay,
};

/** A flat or nested Parquet file, some thousand rows at a time. */
export async function* readParquet(path: string): AsyncGenerator<ReadRow> {
  const { size } = await stat(path);
  const file = await asyncBufferFromFile(path);
  const stored = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const { metadata, scales } = withoutDecimals(stored);
  const total = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < total; rowStart += rowsPerRead) {
    const rowEnd = Math.min(total, rowStart + rowsPerRead);
    const rows = await parquetReadObjects({ file, metadata, compressors, parsers, rowStart, rowEnd }).catch(
      (cause: unknown) => {
        throw unreadable(path, cause);
      },
    );
    for (const [index, row] of rows.entries()) {
      const position = rowStart + index + 1;
      const fields = scales.size === 0 ? row : withDecimals(row, scales);
      yield { unit: 'row', position, fields, bytesRead: Math.round((size * position) / total) };
    }
  }
}

function unreadable(path: string, cause: unknown): HybridStoreError {
  const reason = cause instanceof Error ? cause.message : 'unreadable';
  return new HybridStoreError('invalid_request', `${path}: not readable as Parquet (${reason})`, {}, { cause });
}

/**
 * The reader turns decimals into floating-point numbers. Those of top-level columns are read as the integers that they
 * are stored as; `scales` has their scale by column.
 */
function withoutDecimals(stored: FileMetaData): {
  readonly metadata: FileMetaData;
  readonly scales: ReadonlyMap<string, number>;
} {
  const scales = new Map<string, number>();
  const paths = new Set(
    stored.row_groups.flatMap(({ columns }) =>
      columns.flatMap(({ meta_data }) => (meta_data?.path_in_schema.length === 1 ? meta_data.path_in_schema : [])),
    ),
  );
  const schema = stored.schema.map((element) => {
    const isInteger = element.type === 'INT32' || element.type === 'INT64' || element.type === 'FIXED_LEN_BYTE_ARRAY';
    if (element.converted_type !== 'DECIMAL' || !isInteger || !paths.has(element.name)) return element;
    scales.set(element.name, element.scale ?? 0);
    const { converted_type: _converted, logical_type: _logical, ...plain } = element;
    return plain;
  });
  return { metadata: { ...stored, schema }, scales };
}

function withDecimals(row: Fields, scales: ReadonlyMap<string, number>): Fields {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const scale = scales.get(name);
      return [name, scale === undefined || value === null || value === undefined ? value : decimalText(value, scale)];
    }),
  );
}

function decimalText(value: unknown, scale: number): string {
  return formatDecimal(value instanceof Uint8Array ? readBigEndian(value) : BigInt(value as number | bigint), scale); // of integer storage
}

function readBigEndian(bytes: Uint8Array): bigint {
  const unsigned = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  return BigInt.asIntN(bytes.length * 8, unsigned);
}
