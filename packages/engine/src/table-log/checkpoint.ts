import { parquetReadObjects } from 'hyparquet';
import type { Action } from './actions.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * A checkpoint: all live actions of a version as one Parquet file, so that a reader need not replay every commit. The
 * rows go to the writer child as NDJSON and come back as Parquet; they are read here without an engine.
 */

/** Parquet bytes of NDJSON rows with the columns of `checkpointColumns`. */
export type CheckpointWriter = (ndjson: Buffer) => Promise<Buffer>;

/** DuckDB types of a checkpoint's columns; one of them is set in each row. */
export const checkpointColumns: Readonly<Record<string, string>> = {
  txn: 'struct("appId" varchar, "version" bigint, "lastUpdated" bigint)',
  add: 'struct("path" varchar, "partitionValues" map(varchar, varchar), "size" bigint, "modificationTime" bigint, "dataChange" boolean, "stats" varchar)',
  remove:
    'struct("path" varchar, "deletionTimestamp" bigint, "dataChange" boolean, "extendedFileMetadata" boolean, "partitionValues" map(varchar, varchar), "size" bigint)',
  metaData:
    'struct("id" varchar, "name" varchar, "format" struct("provider" varchar, "options" map(varchar, varchar)), "schemaString" varchar, "partitionColumns" varchar[], "configuration" map(varchar, varchar), "createdTime" bigint)',
  protocol: 'struct("minReaderVersion" integer, "minWriterVersion" integer)',
};

/** Removed files that nobody can ask for any more are left out; the file itself went long before. */
const tombstoneMsMax = 7 * 24 * 3_600_000;

export function encodeCheckpoint(
  snapshot: Snapshot,
  nowMs: number,
): { readonly ndjson: Buffer; readonly size: number } {
  const rows: unknown[] = [{ protocol: snapshot.protocol }, { metaData: snapshot.metadata }];
  for (const [appId, version] of snapshot.txn)
    rows.push({ txn: { appId, version, lastUpdated: snapshot.committedAtMs } });
  for (const remove of snapshot.tombstones.values())
    if (nowMs - (remove.deletionTimestamp ?? 0) < tombstoneMsMax)
      rows.push({ remove: { ...remove, dataChange: false } });
  for (const { add } of snapshot.files.values()) rows.push({ add: { ...add, dataChange: false } });
  return { ndjson: Buffer.from(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`), size: rows.length };
}

export async function readCheckpoint(bytes: Buffer): Promise<Action[]> {
  const memory = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const rows = await parquetReadObjects({
    file: { byteLength: bytes.length, slice: (start, end) => memory.slice(start, end) },
  });
  return rows.map((row) => plainNumbers(row) as Action);
}

/** 64-bit integers are read as BigInt; every one in a checkpoint counts bytes, milliseconds or versions below 2^53. */
function plainNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plainNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainNumbers(part)]));
}
