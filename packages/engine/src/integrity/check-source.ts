import { HybridStoreError, isErrno, isHybridStoreError } from '@hybridstore/runtime';
import { parquetMetadataAsync } from 'hyparquet';
import type { SourceCheck, SourceProblem } from '../ports.ts';
import type { Pace } from '../segment/segment-checksum.ts';
import type { ObjectStore } from '../store/ports.ts';
import { auditLog, type LogAudit } from '../table-log/audit-log.ts';
import { readLog } from '../table-log/read-log.ts';
import type { Snapshot } from '../table-log/snapshot.ts';
import { pointerKey, TablePointers } from '../table-pointers.ts';
import { type SegmentRef, SegmentVerifier, segmentRef } from './segment-verifier.ts';

export type CheckOptions = { readonly verifier?: SegmentVerifier; readonly pace?: Pace };

/** Reads the pointer, every commit and checkpoint, and every live file of a source. `not_found` for one that never was. */
export async function checkSource(
  store: ObjectStore,
  sourceId: string,
  options: CheckOptions = {},
): Promise<SourceCheck> {
  const nothing = {
    sourceId,
    location: undefined,
    problems: [],
    isReadable: true,
    objects: 0,
    bytes: 0,
    filesWithoutChecksum: 0,
  };
  try {
    const pointer = await new TablePointers(store).read(sourceId);
    if (!pointer) throw new HybridStoreError('not_found', `source ${sourceId} does not exist`, { source_id: sourceId });
    const { location } = pointer.pointer;
    return location === null ? { ...nothing, objects: 1 } : await checkTable(store, { sourceId, location }, options);
  } catch (error) {
    if (!isHybridStoreError(error, 'corrupt')) throw error;
    const problem = { kind: 'pointer', name: pointerKey(sourceId), reason: error.message } as const;
    return { ...nothing, problems: [problem], isReadable: false, objects: 1 };
  }
}

type Place = { readonly sourceId: string; readonly location: string };

/** The same below one location. */
export async function checkTable(
  store: ObjectStore,
  table: Place,
  { verifier = new SegmentVerifier(store), pace }: CheckOptions = {},
): Promise<SourceCheck> {
  const audit = await auditLog(store, table.location, pace);
  const problems: SourceProblem[] = audit.problems.map(({ key, reason }) => ({
    kind: 'log',
    name: key.slice(table.location.length + 1),
    reason,
  }));
  const snapshot = await newestSnapshot(store, table, audit);
  const live = [...(snapshot?.files.values() ?? [])];
  const files = live.map((file) => segmentRef(table, file));
  for (const [index, file] of files.entries()) {
    const reason = (await findDamage(verifier, file, pace)) ?? (await findBadFooter(store, file));
    const rows = live[index]?.statistics.rows ?? 0;
    if (reason !== undefined) problems.push({ kind: 'segment', name: file.path, reason, rows });
  }
  return {
    sourceId: table.sourceId,
    location: table.location,
    problems,
    isReadable: snapshot !== undefined,
    objects: audit.objects + files.length,
    bytes: audit.bytes + files.reduce((sum, file) => sum + file.bytes, 0),
    filesWithoutChecksum: files.filter((file) => file.checksum === undefined).length,
  };
}

/** A log with a problem may still be readable, by its checkpoints or past them; undefined when it is not. */
async function newestSnapshot(store: ObjectStore, table: Place, audit: LogAudit): Promise<Snapshot | undefined> {
  if (audit.snapshot) return audit.snapshot;
  try {
    return (await readLog(store, table.location)).snapshot;
  } catch (error) {
    if (isHybridStoreError(error, 'corrupt')) return undefined; // among the problems of the audit already
    throw error;
  }
}

async function findDamage(
  verifier: SegmentVerifier,
  file: SegmentRef,
  pace: Pace | undefined,
): Promise<string | undefined> {
  try {
    await verifier.verify(file, { again: true, ...(pace ? { pace } : {}) });
    return undefined;
  } catch (error) {
    if (isHybridStoreError(error, 'corrupt')) return error.message;
    throw error;
  }
}

/** All that a file without checksum says about itself. */
async function findBadFooter(store: ObjectStore, segment: SegmentRef): Promise<string | undefined> {
  if (segment.checksum !== undefined) return undefined;
  const key = `${segment.location}/${segment.path}`;
  const slice = async (start: number, end = segment.bytes) => {
    const bytes = await store.getRange(key, start, end - start);
    return new Uint8Array(bytes).buffer;
  };
  try {
    await parquetMetadataAsync({ byteLength: segment.bytes, slice });
    return undefined;
  } catch (error) {
    // The reader throws whatever it trips over; the disk has codes.
    if (error instanceof Error && 'code' in error && !isErrno(error, 'EIO')) throw error;
    const what = error instanceof Error ? error.message : String(error);
    return `source ${segment.sourceId}: file ${segment.path} is damaged: its footer cannot be read (${what})`;
  }
}
