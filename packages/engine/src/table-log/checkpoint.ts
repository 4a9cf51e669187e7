import { createHash } from 'node:crypto';
import { HybridStoreError, isRecord } from '@hybridstore/runtime';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { type Action, findActionProblem } from './actions.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * A checkpoint: all live actions of a version as one Parquet file, so that a reader need not replay every commit. The
 * rows go to the writer child as NDJSON and come back as Parquet; they are read here without an engine.
 *
 * Parquet readers take a flipped bit for another value, so the file proves its own content: its key-value metadata holds
 * counts and a checksum of the actions themselves, which are computed again from what was decoded. What is proven does not
 * depend on any other object. Checkpoints of other writers, and ours of before, prove nothing.
 */

/** Parquet bytes of NDJSON rows with the columns of `checkpointColumns`, and this in the file's key-value metadata. */
export type CheckpointWriter = (ndjson: Buffer, metadata: Readonly<Record<string, string>>) => Promise<Buffer>;

/** DuckDB types of a checkpoint's columns; one of them is set in each row. */
export const checkpointColumns: Readonly<Record<string, string>> = {
  txn: 'struct("appId" varchar, "version" bigint, "lastUpdated" bigint)',
  add: 'struct("path" varchar, "partitionValues" map(varchar, varchar), "size" bigint, "modificationTime" bigint, "dataChange" boolean, "stats" varchar, "tags" map(varchar, varchar))',
  remove:
    'struct("path" varchar, "deletionTimestamp" bigint, "dataChange" boolean, "extendedFileMetadata" boolean, "partitionValues" map(varchar, varchar), "size" bigint)',
  metaData:
    'struct("id" varchar, "name" varchar, "format" struct("provider" varchar, "options" map(varchar, varchar)), "schemaString" varchar, "partitionColumns" varchar[], "configuration" map(varchar, varchar), "createdTime" bigint)',
  protocol: 'struct("minReaderVersion" integer, "minWriterVersion" integer)',
};

/** Removed files that nobody can ask for any more are left out; the file itself went long before. */
const tombstoneMsMax = 7 * 24 * 3_600_000;

const proofKey = 'hybridstore.proof';

type Proof = {
  readonly location: string;
  readonly version: number;
  readonly committedAtMs: number | null;
  readonly actions: number;
  readonly files: number;
  /** Of the files, as their actions say. */
  readonly bytes: number;
  readonly sha256: string;
};

export type EncodedCheckpoint = {
  readonly ndjson: Buffer;
  /** Actions. */
  readonly size: number;
  readonly metadata: Readonly<Record<string, string>>;
};

export function encodeCheckpoint(snapshot: Snapshot, location: string, nowMs: number): EncodedCheckpoint {
  const rows = checkpointRows(snapshot, nowMs).map(withColumnsOnly);
  const { version, committedAtMs = null } = snapshot;
  const proof = buildProof(rows, { location, version, committedAtMs });
  return {
    ndjson: Buffer.from(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`),
    size: rows.length,
    metadata: { [proofKey]: JSON.stringify(proof) },
  };
}

function checkpointRows(snapshot: Snapshot, nowMs: number): Action[] {
  const rows: Action[] = [{ protocol: snapshot.protocol }, { metaData: snapshot.metadata }];
  for (const [appId, version] of snapshot.txn)
    rows.push({ txn: { appId, version, lastUpdated: snapshot.committedAtMs } });
  for (const remove of snapshot.tombstones.values())
    if (nowMs - (remove.deletionTimestamp ?? 0) < tombstoneMsMax)
      rows.push({ remove: { ...remove, dataChange: false } });
  for (const { add } of snapshot.files.values()) rows.push({ add: { ...add, dataChange: false } });
  return rows;
}

/** Fields of an action that a checkpoint has no column for are another engine's own, and not vouched for. */
function withColumnsOnly(row: Action): Action {
  const [[kind, action] = ['', {}]] = Object.entries(row);
  const known = Object.entries(action).filter(([name]) => checkpointColumns[kind]?.includes(`"${name}"`));
  return { [kind]: Object.fromEntries(known) } as Action; // the fields that are used all have a column
}

export type ReadCheckpoint = {
  readonly actions: readonly Action[];
  readonly committedAtMs: number | undefined;
  /** Whether the actions are known to be those that were written. */
  readonly isProven: boolean;
};

/** `corrupt` when the file is not the checkpoint of this version of this table as it was written, as far as that shows. */
export async function readCheckpoint(
  bytes: Buffer,
  { location, version }: { readonly location: string; readonly version: number },
): Promise<ReadCheckpoint> {
  const { actions, metadata } = await decodeCheckpoint(bytes);
  const text = metadata.get(proofKey);
  if (text === undefined) return { actions, committedAtMs: undefined, isProven: false };
  const proof: unknown = JSON.parse(text);
  const committedAtMs = isRecord(proof) && typeof proof['committedAtMs'] === 'number' ? proof['committedAtMs'] : null;
  const expected = buildProof(actions, { location, version, committedAtMs });
  if (JSON.stringify(expected) !== text)
    throw new HybridStoreError('corrupt', 'its actions are not those that it vouches for', {
      expected: text,
      actual: JSON.stringify(expected),
    });
  return { actions, committedAtMs: committedAtMs ?? undefined, isProven: true };
}

async function decodeCheckpoint(
  bytes: Buffer,
): Promise<{ readonly actions: readonly Action[]; readonly metadata: ReadonlyMap<string, string> }> {
  const memory = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const footer = parquetMetadata(memory);
  const rows = await parquetReadObjects({
    file: { byteLength: bytes.length, slice: (start, end) => memory.slice(start, end) },
    metadata: footer,
  });
  if (rows.length !== Number(footer.num_rows))
    throw new HybridStoreError('corrupt', `${rows.length} rows were read, its footer counts ${footer.num_rows}`);
  return {
    actions: rows.map((row) => requireAction(plainNumbers(row))),
    metadata: new Map((footer.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ''])),
  };
}

function requireAction(row: unknown): Action {
  const problem = findActionProblem(row);
  if (problem !== undefined) throw new HybridStoreError('corrupt', problem);
  return row as Action; // the fields that are used were looked at
}

function buildProof(rows: readonly Action[], of: Pick<Proof, 'location' | 'version' | 'committedAtMs'>): Proof {
  const sum = createHash('sha256').update(JSON.stringify(of));
  let files = 0;
  let bytes = 0;
  for (const row of rows) {
    sum.update(`\n${JSON.stringify(canonical(row))}`);
    if (!('add' in row) || !row.add) continue;
    files += 1;
    bytes += row.add.size;
  }
  return { ...of, actions: rows.length, files, bytes, sha256: sum.digest('hex') };
}

/** One text for what a row means: Parquet knows no absent fields, only nulls, and orders fields by its schema. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined && part !== null)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, part]) => [name, canonical(part)]),
  );
}

/** 64-bit integers are read as BigInt; every one in a checkpoint counts bytes, milliseconds or versions below 2^53. */
function plainNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plainNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainNumbers(part)]));
}
