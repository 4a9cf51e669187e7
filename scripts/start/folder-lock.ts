import { accessSync, constants, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HybridStoreError } from '@hybridstore/runtime';

/** Makes the data folder this process's own. Two platforms on one folder would write the same logs. */
export function lockFolder(folder: string): { release(): void } {
  makeWritable(folder);
  const path = join(folder, 'platform.pid');
  const holder = readHolder(path);
  if (holder !== undefined && isPlatform(holder)) {
    throw new HybridStoreError(
      'conflict',
      `--data-dir: ${folder} is in use by process ${holder}; end it, or choose another folder`,
      { folder, pid: holder },
    );
  }
  writeFileSync(path, String(process.pid));
  return { release: () => rmSync(path, { force: true }) };
}

function makeWritable(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK | constants.X_OK);
    writeFileSync(join(folder, '.writable'), '');
    rmSync(join(folder, '.writable'));
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `--data-dir: expected a writable folder, found ${folder}`,
      { folder },
      { cause },
    );
  }
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
