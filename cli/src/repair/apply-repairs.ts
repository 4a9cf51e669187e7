import { basename, dirname, join } from 'node:path';
import { giveUpFiles, openVolume, repairLog, setAside } from '@hybridstore/engine/integrity';
import {
  type Clock,
  type Disk,
  groupFile,
  groupFolder,
  HybridStoreError,
  isHybridStoreError,
  quarantineDatabase,
  silentLogger,
} from '@hybridstore/runtime';
import type { Finding, Part, PartReport } from './finding.ts';

export type RepairContext = { readonly disk: Disk; readonly clock: Clock };

/** Runs `work` while no node can open any of the logs. `conflict` names the log that one has open. */
export async function withLogsLocked<T>(parts: readonly Part[], disk: Disk, work: () => Promise<T>): Promise<T> {
  const locks: { release(): void }[] = [];
  try {
    for (const { kind, path, name } of parts) if (kind === 'log') locks.push(await lockLog(disk, path, name));
    return await work();
  } finally {
    for (const lock of locks) lock.release();
  }
}

async function lockLog(disk: Disk, path: string, name: string): Promise<{ release(): void }> {
  try {
    return await disk.lock(join(path, 'lock'), groupFile);
  } catch (cause) {
    if (!isHybridStoreError(cause, 'conflict')) throw cause;
    throw new HybridStoreError('conflict', `log ${name}: a node has it open; end it before a repair`, {}, { cause });
  }
}

const lastCheckpointName = '_delta_log/_last_checkpoint';

/** Does what the findings plan, and gives the number of steps. Each is durable when the next begins. */
export async function applyRepairs(reports: readonly PartReport[], context: RepairContext): Promise<number> {
  let done = 0;
  for (const { part, findings } of reports) {
    const planned = findings.filter(({ action }) => action !== undefined);
    if (planned.length === 0) continue;
    if (part.kind === 'tables') await repairTables(part, planned, context);
    else for (const finding of planned) await repairOther(part, finding, context);
    done += planned.length;
  }
  return done;
}

async function repairOther(part: Part, { action }: Finding, { disk }: RepairContext): Promise<void> {
  if (action?.kind === 'repair_log') await repairLog(disk, part.path, action.repair);
  if (action?.kind === 'set_aside_database') {
    quarantineDatabase(dirname(part.path), basename(part.path));
    await disk.syncFolder(dirname(part.path));
  }
}

async function repairTables(part: Part, planned: readonly Finding[], { disk, clock }: RepairContext): Promise<void> {
  const staging = join(part.path, 'staging', 'repair');
  await disk.createFolder(staging, groupFolder);
  try {
    const store = openVolume(disk, part.path, staging);
    const givenUp = new Map<string, Set<string>>();
    for (const { action } of planned) {
      if (action?.kind === 'set_aside_object') {
        await setAside(store, action.location, action.name);
        // It may name what is gone now, which some readers do not get over.
        await setAside(store, action.location, lastCheckpointName);
      }
      if (action?.kind === 'give_up_file')
        givenUp.set(action.location, (givenUp.get(action.location) ?? new Set()).add(action.name));
    }
    // After the logs: what is committed now stands on a table log that is whole.
    for (const [location, names] of givenUp)
      await giveUpFiles({ store, clock, logger: silentLogger, random: () => 1 }, { location }, names);
  } finally {
    await disk.removeFolder(staging);
  }
}
