import { stat } from 'node:fs/promises';
import { HybridStoreError } from '@hybridstore/runtime';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { ReadRow } from './read-file.ts';

const rowsPerRead = 20_000;

/** A flat or nested Parquet file, some thousand rows at a time. Snappy or uncompressed. */
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
      rowStart,
      rowEnd: Math.min(total, rowStart + rowsPerRead),
    });
    for (const [index, fields] of rows.entries())
      yield { fields, bytesRead: Math.round((size * (rowStart + index + 1)) / total) };
  }
}
