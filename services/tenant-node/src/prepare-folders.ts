import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  type Disk,
  groupFile,
  groupFolder,
  HybridStoreError,
  type Logger,
  ofGroupAndOthers,
  privateFolder,
  tightenFolder,
} from '@hybridstore/runtime';
import type { TenantNodeConfig } from './config.ts';
import type { SpillRoot } from './execute/executor-process.ts';
import { emptySpillRoot } from './execute/spill-folder.ts';

/** Made when they are missing. A folder that cannot be written is said at the start, not at the first write. */
export async function prepareFolders(
  disk: Disk,
  config: Pick<TenantNodeConfig, 'dataPath' | 'logPath' | 'pod'>,
): Promise<void> {
  await prepareFolder(disk, 'DATA_PATH', config.dataPath);
  await prepareFolder(disk, 'LOG_PATH', config.logPath);
  // What a killed node left there would keep the bytes of files that are long deleted.
  await disk.removeFolder(executorFilesFolder(config));
}

/**
 * Where this node's executors spill: a folder for its user alone, with nothing in it that executors of before have left.
 * `invalid_request` where a link, a file or another user's folder stands in its place; then nothing is removed.
 */
export async function prepareSpill(
  disk: Disk,
  config: Pick<TenantNodeConfig, 'spill' | 'pod'>,
  logger: Logger,
): Promise<SpillRoot | undefined> {
  if (!config.spill) return undefined;
  const { path: parent, bytesMax } = config.spill;
  const path = join(parent, config.pod);
  await prepareFolder(disk, 'SPILL_PATH', parent);
  if ((await disk.list(parent)).includes(config.pod)) throw wrongPlace(path, 'a file or a link');
  await disk.createFolder(path, privateFolder);
  const { left } = tightenFolder(path, { rights: ofGroupAndOthers, entriesMax: 1 });
  if (left > 0) throw wrongPlace(path, 'the folder of another user');
  await emptySpillRoot(disk, path, logger);
  return { path, bytesMax };
}

function wrongPlace(path: string, found: string): HybridStoreError {
  const message = `SPILL_PATH: expected a folder of this user, or nothing, at ${path}, found ${found}`;
  return new HybridStoreError('invalid_request', message, { variable: 'SPILL_PATH', path });
}

/** Where this node's executors link the files of their statements: beside the tables, since links do not cross volumes. */
export function executorFilesFolder({ dataPath, pod }: Pick<TenantNodeConfig, 'dataPath' | 'pod'>): string {
  return join(dataPath, 'executor', pod);
}

async function prepareFolder(disk: Disk, variable: string, path: string): Promise<void> {
  try {
    await disk.createFolder(path, groupFolder);
    await tryWriting(disk, path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new HybridStoreError(
      'invalid_request',
      `${variable}: expected a writable folder, found ${path} (${reason})`,
      { variable, path },
      { cause },
    );
  }
}

/** A file in the folder's place, or a volume that is mounted read-only, fails here. */
async function tryWriting(disk: Disk, folder: string): Promise<void> {
  const path = join(folder, `.probe-${randomUUID()}`);
  const file = await disk.open(path, groupFile);
  await file.close();
  await disk.remove(path);
}
