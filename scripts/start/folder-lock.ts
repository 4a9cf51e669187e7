import { accessSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findPlatform, HybridStoreError, holderFile, privateFile, privateFolder } from '@hybridstore/runtime';

/** Throws `conflict` when a running platform has the folder. Two on one folder would write the same logs. */
export function requireFreeFolder(folder: string): void {
  const holder = findPlatform(folder);
  if (holder !== undefined) {
    throw new HybridStoreError(
      'conflict',
      `--data-dir: expected a folder of its own, found ${folder} in use by process ${holder}; end it, or choose another folder`,
      { folder, pid: holder },
    );
  }
}

/** Makes the data folder this process's own. Whatever keeps it from being written is said before anything else is begun. */
export function lockFolder(folder: string): { release(): void } {
  requireFreeFolder(folder);
  makeWritable(folder);
  writeFileSync(pathOf(folder), String(process.pid), { mode: privateFile });
  return { release: () => rmSync(pathOf(folder), { force: true }) };
}

function pathOf(folder: string): string {
  return join(folder, holderFile);
}

function makeWritable(folder: string): void {
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK | constants.X_OK);
    writeFileSync(join(folder, '.writable'), '', { mode: privateFile });
    rmSync(join(folder, '.writable'));
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : '';
    throw new HybridStoreError(
      'invalid_request',
      `--data-dir: expected a writable folder, found ${folder}${reason}`,
      { folder },
      { cause },
    );
  }
}

/** Node's own recursive mkdir does not end below /proc, where a folder that is there cannot hold another. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder, { mode: privateFolder });
}
