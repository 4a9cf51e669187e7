import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Disk, groupFolder, HybridStoreError } from '@hybridstore/runtime';
import { namingFullVolume } from './store/data-volume-full.ts';
import { createFileObjectStore } from './store/file-object-store.ts';
import type { ObjectStore } from './store/ports.ts';
import { tablesPrefix } from './table-pointers.ts';
import type { WriteAheadLog } from './wal/write-ahead-log.ts';

export type DataVolumeOptions = {
  /** The volume that all replicas share. */
  readonly dataFolder: string;
  readonly disk: Disk;
  readonly log: Pick<WriteAheadLog, 'logId' | 'replayableTables'>;
};

/** Made with the first start on a volume: an empty folder in its place lacks it. */
const volumeKey = 'volume.json';
const stagingFolder = 'staging';

/**
 * The store of the tables. A log with rows has seen tables; they may all be deleted, but their volume stays. Without it,
 * another one is mounted, or none: every logged row would be taken for one of a deleted source, and its segment removed in
 * time.
 */
export async function openDataVolume({ dataFolder, disk, log }: DataVolumeOptions): Promise<ObjectStore> {
  const staging = join(dataFolder, stagingFolder, log.logId);
  const store = namingFullVolume(createFileObjectStore({ root: dataFolder, disk, stagingFolder: staging }));
  if (log.replayableTables.size > 0 && !(await isInUse(store))) {
    const path = join(dataFolder, tablesPrefix);
    throw new HybridStoreError('corrupt', `${path} is missing, and the log holds rows: is the data volume mounted?`, {
      path,
    });
  }
  await disk.removeFolder(staging);
  await disk.createFolder(staging, groupFolder);
  await store.createIfAbsent(volumeKey, Buffer.from(`${JSON.stringify({ volume_id: randomUUID() })}\n`));
  return store;
}

/** Volumes of before `volume.json` have members, whatever became of their tables. */
async function isInUse(store: ObjectStore): Promise<boolean> {
  return (await store.stat(volumeKey)) !== undefined || (await store.list('members')).length > 0;
}
