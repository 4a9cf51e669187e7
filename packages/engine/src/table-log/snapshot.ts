import type { Column, FileStatistics, SourceDefinition } from '@hybridstore/contracts';
import { documentColumns } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import type { TableState } from '../ports.ts';
import type { Action, AddAction, MetadataAction, ProtocolAction, RemoveAction } from './actions.ts';
import { requireOwnNames } from './column-mapping.ts';
import { decodeDeltaStatistics } from './delta-statistics.ts';

/**
 * A table at one version: what is left when every commit up to it has been applied. Never changed: the next version is a
 * new snapshot, so a query or a pin can hold on to one.
 */
export type Snapshot = {
  readonly version: number;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly definition: SourceDefinition;
  readonly schemaVersion: number;
  /** Live files by the path they have on the store (decoded from the log's URL form). */
  readonly files: ReadonlyMap<string, LiveFile>;
  /** Removed files that readers of older versions may still want. */
  readonly tombstones: ReadonlyMap<string, RemoveAction>;
  readonly txn: ReadonlyMap<string, number>;
  readonly committedAtMs: number | undefined;
};

export type LiveFile = { readonly add: AddAction; readonly statistics: FileStatistics };

/** Beside a file's `add`: the checksums of its bytes, see `segment/segment-checksum.ts`. */
export const checksumTag = 'hybridstore.checksum';
export const definitionKey = 'hybridstore.definition';
export const schemaVersionKey = 'hybridstore.schemaVersion';
/** The highest reader version understood (column mapping); beyond it files may hide rows in ways that would be read wrongly. */
const readerVersionMax = 2;

/** The snapshot after `commits`, which follow `base` (or begin at version 0). `corrupt` when they do not make a table. */
export function applyCommits(
  base: Snapshot | undefined,
  commits: readonly { readonly version: number; readonly actions: readonly Action[] }[],
  table: string,
): Snapshot {
  const draft = draftOf(base);
  for (const { version, actions } of commits) {
    for (const action of actions) applyAction(draft, action);
    draft.version = version;
  }
  return finish(draft, table);
}

type Draft = {
  version: number;
  protocol: ProtocolAction | undefined;
  metadata: MetadataAction | undefined;
  readonly files: Map<string, LiveFile>;
  readonly tombstones: Map<string, RemoveAction>;
  readonly txn: Map<string, number>;
  committedAtMs: number | undefined;
};

function draftOf(base: Snapshot | undefined): Draft {
  return {
    version: base?.version ?? -1,
    protocol: base?.protocol,
    metadata: base?.metadata,
    files: new Map(base?.files),
    tombstones: new Map(base?.tombstones),
    txn: new Map(base?.txn),
    committedAtMs: base?.committedAtMs,
  };
}

function applyAction(draft: Draft, action: Action): void {
  // Rows of a checkpoint hold every kind of action, all but one of them null.
  if ('add' in action && action.add) {
    const file = liveFile(action.add);
    draft.files.set(file.statistics.path, file);
    draft.tombstones.delete(file.statistics.path);
  }
  if ('remove' in action && action.remove) {
    const path = storePath(action.remove.path);
    draft.files.delete(path);
    draft.tombstones.set(path, action.remove);
  }
  if ('txn' in action && action.txn) draft.txn.set(action.txn.appId, action.txn.version);
  if ('metaData' in action && action.metaData) draft.metadata = action.metaData;
  if ('protocol' in action && action.protocol) draft.protocol = action.protocol;
  if ('commitInfo' in action && action.commitInfo) draft.committedAtMs = action.commitInfo.timestamp ?? undefined;
}

function liveFile(add: AddAction): LiveFile {
  const decoded = decodeDeltaStatistics(add.stats);
  return {
    add,
    statistics: {
      path: storePath(add.path),
      bytes: add.size,
      rows: decoded?.rows ?? 0,
      partition: { ...add.partitionValues },
      columns: { ...decoded?.columns },
      modified_at: add.modificationTime,
    },
  };
}

/** Paths in the log are URL-encoded. Ours need no encoding; those of other writers may. */
export function storePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new HybridStoreError('corrupt', `table log: ${path} is no encoded path`, { path }, { cause });
  }
}

function finish(draft: Draft, table: string): Snapshot {
  const { protocol, metadata } = draft;
  if (!protocol || !metadata)
    throw new HybridStoreError('corrupt', `table log of ${table}: no ${protocol ? 'metaData' : 'protocol'}`, { table });
  if (protocol.minReaderVersion > readerVersionMax)
    throw new HybridStoreError(
      'corrupt',
      `table ${table} needs Delta reader version ${protocol.minReaderVersion}, this node reads ${readerVersionMax}`,
      { table, expected: readerVersionMax, actual: protocol.minReaderVersion },
    );
  const definition = readDefinition(metadata, table);
  requireOwnNames(metadata, snapshotColumns(definition), table);
  return {
    ...draft,
    protocol,
    metadata,
    definition,
    schemaVersion: readSchemaVersion(metadata, table),
  };
}

function readDefinition(metadata: MetadataAction, table: string): SourceDefinition {
  const text = metadata.configuration[definitionKey];
  if (text === undefined)
    throw new HybridStoreError('corrupt', `table ${table} was not made by HybridStore: no ${definitionKey}`, { table });
  try {
    return JSON.parse(text) as SourceDefinition; // written by `createTableActions` from a checked definition
  } catch (cause) {
    throw new HybridStoreError('corrupt', `table ${table}: ${definitionKey} is no JSON`, { table }, { cause });
  }
}

function readSchemaVersion(metadata: MetadataAction, table: string): number {
  const version = Number(metadata.configuration[schemaVersionKey] ?? 1);
  if (Number.isSafeInteger(version) && version > 0) return version;
  throw new HybridStoreError('corrupt', `table ${table}: ${schemaVersionKey} is no version`, { table });
}

export function snapshotColumns(definition: SourceDefinition): readonly Column[] {
  return definition.columns ?? documentColumns;
}

/** Names one life of a source in log frames: the first 64 bits of the table's random id. */
export function tableTagOf(metadata: MetadataAction): bigint {
  return BigInt(`0x${metadata.id.replaceAll('-', '').slice(0, 16)}`);
}

const states = new WeakMap<Snapshot, TableState>();
const snapshots = new WeakMap<TableState, Snapshot>();

/** The snapshot in the words of the engine's port; the same object for the same snapshot. */
export function tableStateOf(snapshot: Snapshot, location: string): TableState {
  const known = states.get(snapshot);
  if (known) return known;
  const state: TableState = {
    sourceId: snapshot.definition.source_id,
    location,
    version: snapshot.version,
    columns: snapshotColumns(snapshot.definition),
    schemaVersion: snapshot.schemaVersion,
    files: [...snapshot.files.values()].map((file) => file.statistics),
    txn: snapshot.txn,
    committedAtMs: snapshot.committedAtMs,
  };
  states.set(snapshot, state);
  snapshots.set(state, snapshot);
  return state;
}

/** The snapshot that a state was made of. */
export function snapshotOf(state: TableState): Snapshot | undefined {
  return snapshots.get(state);
}
