import { type Disk, HybridStoreError, isErrno, isHybridStoreError, openSealed } from '@hybridstore/runtime';
import type { SourceCheck } from '../ports.ts';
import type { Pace } from '../segment/segment-checksum.ts';
import { createFileObjectStore } from '../store/file-object-store.ts';
import type { ObjectStore } from '../store/ports.ts';
import { pointerKey, tablesPrefix } from '../table-pointers.ts';
import { checkSource } from './check-source.ts';

/** The objects of a data volume, for who reads and moves them only: nothing is staged, so no folder is made. */
export function openVolume(disk: Disk, folder: string, stagingFolder: string): ObjectStore {
  return createFileObjectStore({ root: folder, disk, stagingFolder });
}

export async function listSources(store: Pick<ObjectStore, 'list'>): Promise<readonly string[]> {
  const names = await store.list(tablesPrefix);
  return names.flatMap((name) => (name.endsWith('/') ? [name.slice(0, -1)] : []));
}

/** As `checkSource`, of a source that is known to have been there: what is missing, or what no disk gives any more, is damage too. */
export async function checkListedSource(store: ObjectStore, sourceId: string, pace: Pace): Promise<SourceCheck> {
  try {
    return await checkSource(store, sourceId, { pace });
  } catch (error) {
    const nothing = { sourceId, location: undefined, objects: 0, bytes: 0, filesWithoutChecksum: 0 };
    const reason = describeLoss(error);
    if (reason === undefined) throw error;
    const isTable = isHybridStoreError(error) && error.details['table'] !== undefined;
    const problem = isTable
      ? ({ kind: 'log', name: `${String(error.details['table'])}/_delta_log`, reason } as const)
      : ({ kind: 'pointer', name: pointerKey(sourceId), reason } as const);
    return { ...nothing, isReadable: false, problems: [problem] };
  }
}

function describeLoss(error: unknown): string | undefined {
  if (isHybridStoreError(error, 'not_found')) return 'it is missing';
  return isErrno(error, 'EIO') ? 'the disk does not give its bytes any more' : undefined;
}

const membersPrefix = 'members';

export type ObjectsCheck = {
  readonly problems: readonly { readonly name: string; readonly reason: string }[];
  readonly objects: number;
  readonly bytes: number;
};

/** Members and their ledgers of batch ids: whether each is what was written. */
export async function checkMembers(store: Pick<ObjectStore, 'list' | 'get'>, pace: Pace): Promise<ObjectsCheck> {
  const problems: { name: string; reason: string }[] = [];
  let [objects, read] = [0, 0];
  for (const name of await store.list(membersPrefix)) {
    if (!/\.(json|ledger|known)$/.test(name)) continue;
    const key = `${membersPrefix}/${name}`;
    try {
      const bytes = (await store.get(key)) ?? Buffer.alloc(0);
      objects += 1;
      read += bytes.length;
      await pace(bytes.length);
      if (openSealed(bytes, key) === undefined) throw new HybridStoreError('corrupt', `${key} is no JSON`);
    } catch (error) {
      const reason = isHybridStoreError(error, 'corrupt') ? error.message : describeLoss(error);
      if (reason === undefined) throw error;
      problems.push({ name: key, reason });
    }
  }
  return { problems, objects, bytes: read };
}
