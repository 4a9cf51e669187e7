import type { Disk, Logger } from '@hybridstore/runtime';

/** As `newSecret` of the executors makes them. */
const childFolder = /^[0-9a-f]{32}\/$/;
/** As the engine names what it spills; it makes no folders. */
const spilledFile = /^duckdb_temp_[A-Za-z0-9_.-]{1,200}$/;

/**
 * Empties the place of a node's spill folders at its start: what killed children left there is of no use to anybody.
 *
 *   <SPILL_PATH>/<pod>/9f…c1/duckdb_temp_storage_….tmp
 *
 * Only what an executor makes goes: folders of such names, and in them files of such names. A link is taken for what it is,
 * never for what it leads to; everything else stays where it is, and is logged.
 */
export async function emptySpillRoot(disk: Disk, root: string, logger: Pick<Logger, 'warn'>): Promise<void> {
  for (const name of await disk.list(root)) {
    if (childFolder.test(name)) await clearSpillFolder(disk, `${root}/${name.slice(0, -1)}`, logger);
    else logger.warn('spill_stranger_stays', { path: `${root}/${name}` });
  }
}

/** Takes away what a child spilled, and its folder where nothing else is in it. Nobody may be at work there. */
export async function clearSpillFolder(disk: Disk, folder: string, logger: Pick<Logger, 'warn'>): Promise<void> {
  for (const name of await disk.list(folder)) {
    if (spilledFile.test(name)) await disk.remove(`${folder}/${name}`);
    else logger.warn('spill_stranger_stays', { path: `${folder}/${name}` });
  }
  await disk.removeEmptyFolder(folder);
}
