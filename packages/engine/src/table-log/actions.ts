import { HybridStoreError } from '@hybridstore/runtime';

/**
 * Actions of the Delta Lake transaction log that this side writes and reads (protocol text: delta-io/delta,
 * PROTOCOL.md). A commit is one JSON object a line; unknown actions and fields are ignored.
 */
export type ProtocolAction = { readonly minReaderVersion: number; readonly minWriterVersion: number };

export type MetadataAction = {
  readonly id: string;
  readonly name?: string | undefined;
  readonly format: { readonly provider: 'parquet'; readonly options: Readonly<Record<string, string>> };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number | undefined;
};

export type PartitionValues = Readonly<Record<string, string | null>>;

export type AddAction = {
  readonly path: string;
  readonly partitionValues: PartitionValues;
  readonly size: number;
  readonly modificationTime: number;
  readonly dataChange: boolean;
  readonly stats?: string | undefined;
};

export type RemoveAction = {
  readonly path: string;
  readonly deletionTimestamp?: number | undefined;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean | undefined;
  readonly partitionValues?: PartitionValues | undefined;
  readonly size?: number | undefined;
};

export type TxnAction = {
  readonly appId: string;
  readonly version: number;
  readonly lastUpdated?: number | undefined;
};

export type CommitInfo = { readonly timestamp: number; readonly operation: string; readonly engineInfo: string };

export type Action =
  | { readonly protocol: ProtocolAction }
  | { readonly metaData: MetadataAction }
  | { readonly add: AddAction }
  | { readonly remove: RemoveAction }
  | { readonly txn: TxnAction }
  | { readonly commitInfo: CommitInfo };

/** Tables stay at the first protocol until one has deletion vectors: every reader takes it. */
export const protocolVersions: ProtocolAction = { minReaderVersion: 1, minWriterVersion: 2 };

const commitBytesMax = 256 * 1024 * 1024;

export function encodeCommit(actions: readonly Action[]): Buffer {
  return Buffer.from(`${actions.map((action) => JSON.stringify(action)).join('\n')}\n`);
}

/** Actions of one commit file. `corrupt` names the file and the line. */
export function decodeCommit(bytes: Buffer, path: string): Action[] {
  if (bytes.length > commitBytesMax) throw corruptCommit(path, 0, `${bytes.length} bytes`);
  return bytes
    .toString('utf8')
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [parseAction(line, path, index + 1)]));
}

function parseAction(line: string, path: string, number: number): Action {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw corruptCommit(path, number, cause instanceof Error ? cause.message : 'no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw corruptCommit(path, number, 'not an object');
  // The fields that matter are checked where the action is applied; unknown actions are passed over there.
  return value as Action;
}

function corruptCommit(path: string, line: number, what: string): HybridStoreError {
  return new HybridStoreError('corrupt', `table log ${path}, line ${line}: ${what}`, { path, line });
}
