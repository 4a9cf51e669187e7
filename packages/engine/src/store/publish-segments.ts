import { join } from 'node:path';
import type { FileStatistics } from '@hybridstore/contracts';
import type { ObjectStore } from './ports.ts';

/** Moves the files that the writer has finished from the staging folder to the table. They are part of it with a commit only. */
export function publishSegments(
  store: ObjectStore,
  location: string,
  files: readonly { readonly statistics: Pick<FileStatistics, 'path'> }[],
): Promise<void> {
  return store.createFromFiles(
    files.map(({ statistics: { path } }) => ({ key: `${location}/${path}`, path: join(store.stagingFolder, path) })),
  );
}
