import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a platform says that a data folder is its own: its process id. */
export const holderFile = 'platform.pid';

/** The process of the platform that runs on a data folder; undefined when it is free. */
export function findPlatform(folder: string): number | undefined {
  const holder = readHolder(join(folder, holderFile));
  return holder !== undefined && isPlatform(holder) ? holder : undefined;
}

function readHolder(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    // Nobody has written it: the folder is free.
    return undefined;
  }
}

/** A pid of a killed platform may belong to anything by now. */
function isPlatform(pid: number): boolean {
  try {
    return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('scripts/start.ts');
  } catch {
    // No such process.
    return false;
  }
}
