import type { SourceDefinition } from '@hybridstore/contracts';
import type { SegmentFile } from '../segment/writer-protocol.ts';
import { type Action, type CommitInfo, type MetadataAction, protocolVersions } from './actions.ts';
import { isMapped, mappedProtocol, mappingConfiguration, needsMapping } from './column-mapping.ts';
import { encodeDeltaSchema } from './delta-schema.ts';
import { encodeDeltaStatistics } from './delta-statistics.ts';
import {
  checksumTag,
  definitionKey,
  type LiveFile,
  type Snapshot,
  schemaVersionKey,
  snapshotColumns,
} from './snapshot.ts';

/** The commits that this engine makes, as lists of actions. Pure: ids and times come from the caller. */

const engineInfo = 'HybridStore/0.1.0';

export function commitInfo(operation: string, timestamp: number): { readonly commitInfo: CommitInfo } {
  return { commitInfo: { timestamp, operation, engineInfo } };
}

export function createTableActions(
  definition: SourceDefinition,
  made: { readonly id: string; readonly nowMs: number },
): Action[] {
  const metaData = metadata(definition, {
    id: made.id,
    schemaVersion: 1,
    createdTime: made.nowMs,
    isMapped: needsMapping(snapshotColumns(definition)),
  });
  return [
    commitInfo('CREATE TABLE', made.nowMs),
    { protocol: isMapped(metaData) ? mappedProtocol : protocolVersions },
    { metaData },
  ];
}

export function changeTableActions(base: Snapshot, definition: SourceDefinition, nowMs: number): Action[] {
  const hasNewColumns = snapshotColumns(definition).length !== snapshotColumns(base.definition).length;
  const next = metadata(definition, {
    id: base.metadata.id,
    schemaVersion: base.schemaVersion + (hasNewColumns ? 1 : 0),
    createdTime: base.metadata.createdTime,
    isMapped: isMapped(base.metadata) || needsMapping(snapshotColumns(definition)),
  });
  const configuration = { ...base.metadata.configuration, ...next.configuration };
  const becomesMapped = isMapped(next) && !isMapped(base.metadata);
  return [
    commitInfo(hasNewColumns ? 'ADD COLUMNS' : 'SET TBLPROPERTIES', nowMs),
    ...(becomesMapped ? [{ protocol: mappedProtocol }] : []),
    { metaData: { ...next, configuration } },
  ];
}

function metadata(
  definition: SourceDefinition,
  table: {
    readonly id: string;
    readonly schemaVersion: number;
    readonly createdTime: number | undefined;
    readonly isMapped: boolean;
  },
): MetadataAction {
  const columns = snapshotColumns(definition);
  return {
    id: table.id,
    name: definition.source_id,
    format: { provider: 'parquet', options: {} },
    schemaString: encodeDeltaSchema(columns, table.isMapped),
    partitionColumns: definition.partition_columns ?? [],
    configuration: {
      [definitionKey]: JSON.stringify(definition),
      [schemaVersionKey]: String(table.schemaVersion),
      ...(table.isMapped ? mappingConfiguration(columns) : {}),
    },
    createdTime: table.createdTime,
  };
}

export function appendActions(
  base: Snapshot,
  files: readonly SegmentFile[],
  txn: { readonly appId: string; readonly lsn: number; readonly nowMs: number },
): Action[] {
  return [
    commitInfo('WRITE', txn.nowMs),
    { txn: { appId: txn.appId, version: txn.lsn, lastUpdated: txn.nowMs } },
    ...files.map((file) => addAction(base, file, true)),
  ];
}

/** The same rows in other files: readers of changes may skip the commit (`dataChange` false). */
export function replaceActions(
  base: Snapshot,
  replaced: readonly LiveFile[],
  files: readonly SegmentFile[],
  nowMs: number,
): Action[] {
  return [
    commitInfo('OPTIMIZE', nowMs),
    ...replaced.map((file) => removeAction(file, nowMs, false)),
    ...files.map((file) => addAction(base, file, false)),
  ];
}

/** Files whose rows nobody can read any more. */
export function giveUpActions(files: readonly LiveFile[], nowMs: number): Action[] {
  return [commitInfo('DELETE', nowMs), ...files.map((file) => removeAction(file, nowMs, true))];
}

function removeAction({ add }: LiveFile, deletionTimestamp: number, dataChange: boolean): Action {
  return {
    remove: {
      path: add.path,
      deletionTimestamp,
      dataChange,
      extendedFileMetadata: true,
      partitionValues: add.partitionValues,
      size: add.size,
    },
  };
}

/** Partition columns have no statistics of their own in Delta: their value is the partition value. */
function addAction(base: Snapshot, { statistics: file, checksum }: SegmentFile, dataChange: boolean): Action {
  const columns = snapshotColumns(base.definition).filter(({ name }) => !Object.hasOwn(file.partition, name));
  return {
    add: {
      path: file.path,
      partitionValues: file.partition,
      size: file.bytes,
      modificationTime: file.modified_at,
      dataChange,
      stats: encodeDeltaStatistics({ rows: file.rows, columns: file.columns }, columns),
      tags: { [checksumTag]: checksum },
    },
  };
}
