import { HybridStoreError, isRecord, sealOf } from '@hybridstore/runtime';

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
  readonly tags?: Readonly<Record<string, string | null>> | undefined;
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

export type CommitInfo = {
  readonly timestamp?: number | undefined;
  readonly operation?: string | undefined;
  readonly engineInfo?: string | undefined;
};

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

/**
 * The seal of a commit: a field of `commitInfo`, where other engines pass over it, at the end of the first line. It is of
 * the commit's key (so of its table and version) and of every other byte.
 *
 *     {"commitInfo":{"timestamp":…,"operation":"WRITE","engineInfo":"…","hybridstoreSha256":"…"}}
 *     {"txn":…}
 *     {"add":…}
 *
 * Standing first, it cannot be cut off with what it vouches for. Commits of other writers, and ours of before, have none.
 */
const sealField = 'hybridstoreSha256';
const sealedLine = new RegExp(`^(\\{"commitInfo":\\{.*?),?"${sealField}":"([0-9a-f]{64})"\\}\\}$`);

export function encodeCommit(actions: readonly Action[], key: string): Buffer {
  const [first, ...others] = actions;
  const info = first !== undefined && 'commitInfo' in first ? first.commitInfo : {};
  const rest = info === undefined || first === undefined || 'commitInfo' in first ? others : actions;
  const lines = rest.map((action) => `${JSON.stringify(action)}\n`).join('');
  const head = `{"commitInfo":${JSON.stringify(info).slice(0, -1)}`;
  const separator = head.endsWith('{') ? '' : ',';
  return Buffer.from(`${head}${separator}"${sealField}":"${sealOf(key, `${head}}}\n${lines}`)}"}}\n${lines}`);
}

/** Actions of one commit file. `corrupt` names the file and what is wrong with it. */
export function decodeCommit(bytes: Buffer, key: string): Action[] {
  if (bytes.length > commitBytesMax) throw corruptCommit(key, 0, `${bytes.length} bytes`);
  const text = bytes.toString('utf8');
  checkSeal(text, key);
  const actions = text
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [parseAction(line, key, index + 1)]));
  if (actions.length === 0) throw corruptCommit(key, 1, 'no action');
  return actions;
}

function checkSeal(text: string, key: string): void {
  const end = text.indexOf('\n');
  const first = end < 0 ? text : text.slice(0, end);
  if (!first.includes(sealField)) return;
  const [, head, seal] = sealedLine.exec(first) ?? [];
  if (seal === undefined || seal !== sealOf(key, `${head}}}${text.slice(first.length)}`))
    throw corruptCommit(key, 1, 'the checksum of the commit does not match');
}

function parseAction(line: string, key: string, number: number): Action {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw corruptCommit(key, number, cause instanceof Error ? cause.message : 'no JSON');
  }
  const problem = findActionProblem(value);
  if (problem !== undefined) throw corruptCommit(key, number, problem);
  return value as Action; // every field of the known actions was looked at; unknown ones are passed over
}

/** What keeps a value from being an action; unknown actions and fields are none of it. Rows of a checkpoint are full of nulls. */
export function findActionProblem(value: unknown): string | undefined {
  if (!isRecord(value)) return 'not an object';
  for (const [kind, fields] of Object.entries(actionFields)) {
    const action = value[kind];
    if (action === undefined || action === null) continue;
    if (!isRecord(action)) return `${kind} is not an object`;
    const wrong = Object.entries(fields).find(([name, isValid]) => !isValid(action[name]));
    if (wrong) return `${kind}.${wrong[0]} is not what an action has there`;
  }
  return undefined;
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string';
const isName: Check = (value) => typeof value === 'string' && value !== '';
const isFlag: Check = (value) => typeof value === 'boolean';
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isTime: Check = (value) => Number.isSafeInteger(value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isTextByName: Check = (value) =>
  isRecord(value) && Object.values(value).every((text) => text === null || isText(text));
const orNothing =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);

const actionFields: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  protocol: { minReaderVersion: isCount, minWriterVersion: isCount },
  metaData: { id: isName, schemaString: isText, partitionColumns: isTexts, configuration: isTextByName },
  add: {
    path: isName,
    partitionValues: orNothing(isTextByName),
    size: isCount,
    modificationTime: isTime,
    stats: orNothing(isText),
    tags: orNothing(isTextByName),
  },
  remove: { path: isName, deletionTimestamp: orNothing(isTime), dataChange: orNothing(isFlag) },
  txn: { appId: isName, version: isCount },
  commitInfo: { timestamp: orNothing(isTime) },
};

function corruptCommit(key: string, line: number, what: string): HybridStoreError {
  return new HybridStoreError('corrupt', `table log ${key}, line ${line}: ${what}`, { path: key, line });
}
