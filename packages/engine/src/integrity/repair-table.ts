import type { Clock, Logger } from '@hybridstore/runtime';
import { quarantineFile } from '../compaction/quarantine.ts';
import type { ObjectStore } from '../store/ports.ts';
import { giveUpActions } from '../table-log/table-actions.ts';
import { TableLog } from '../table-log/table-log.ts';

export type RepairContext = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
};

/** An object of a table out of the way of its readers, until somebody removes it. Its key in the quarantine. */
export async function setAside(store: ObjectStore, location: string, name: string): Promise<string> {
  return quarantineFile(store, { location, name, nowMs: await store.nowMs(), isKept: true });
}

/**
 * Damaged files out of a table: their rows are given up, and every other row can be read again. The bytes go to the
 * quarantine first; a repair that breaks off there is made again, since a file that is missing is damaged as well.
 */
export async function giveUpFiles(
  { store, clock, logger, random }: RepairContext,
  { location }: { readonly location: string },
  names: ReadonlySet<string>,
): Promise<void> {
  for (const name of names) await setAside(store, location, name);
  const log = new TableLog({
    store,
    location,
    clock,
    logger,
    random,
    commitsPerCheckpoint: Number.MAX_SAFE_INTEGER,
    checkpointWriter: () => Promise.reject(new Error('a repair makes no checkpoint')),
  });
  await log.commit((snapshot) => {
    const files = [...snapshot.files.values()].filter(({ statistics }) => names.has(statistics.path));
    return files.length === 0 ? undefined : giveUpActions(files, clock.now());
  });
}
