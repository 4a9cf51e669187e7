import { stat } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { HybridStoreError } from '@hybridstore/runtime';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { ReadRow } from './read-file.ts';

const rowsPerRead = 20_000;
/** Beside Snappy, which the reader brings. */
const compressors = {
  ZSTD: (input: Uint8Array) => zstdDecompressSync(input),
  GZIP: (input: Uint8Array) => gunzipSync(input),
  BROTLI: (input: Uint8Array) => brotliDecompressSync(input),
};

/** A flat or nested Parquet file, some thousand rows at a time. Every codec but LZ4 and LZO. */
export async function* readParquet(path: string): AsyncGenerator<ReadRow> {
  const { size } = await stat(path);
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw new HybridStoreError('invalid_request', `${path}: not a readable Parquet file`, {}, { cause });
  });
  const total = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < total; rowStart += rowsPerRead) {
    const rows = await parquetReadObjects({
      file,
      metadata,
      compressors,
      rowStart,
      rowEnd: Math.min(total, rowStart + rowsPerRead),
    });
    for (const [index, fields] of rows.entries())
      yield { fields, bytesRead: Math.round((size * (rowStart + index + 1)) / total) };
  }
}
