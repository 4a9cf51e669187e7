import assert from 'node:assert/strict';
import { chmodSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Platform } from '../platform.ts';

/** Nobody but the user who started it can open anything that the embedded platform keeps. Begun under umask 000. */
export function privateFiles(open: () => Platform): void {
  describe('what the embedded platform keeps on disk', () => {
    it('is open to no other user, whatever wrote it', () => {
      const entries = list(folderOf(open()));
      for (const expected of [
        /^objects\.ndjson$/,
        /^kubeconfig$/,
        /^admin\.json$/,
        /^endpoints\.json$/,
        /^run\/operator\.log$/,
        /^pods\/[^/]+\/log$/,
        /\/users\.sqlite$/,
        /\/catalog\.sqlite$/,
        /\/logs\.sqlite$/,
        /\.parquet$/,
        /\/volumes\/secret\/secret$/,
      ])
        assert.ok(
          entries.some(({ name }) => expected.test(name)),
          `nothing is called like ${expected}`,
        );
      assert.deepEqual(openToOthers(entries), []);
    });
  });
}

/** The second line: a folder of before, or one that somebody opened. */
export function closedFiles(open: () => Platform): void {
  describe('what is open to others in a data folder', () => {
    it('is closed to them by the next start, which says so', async () => {
      const platform = open();
      const folder = folderOf(platform);
      for (const { name, isFolder } of list(folder)) loosen(join(folder, name), isFolder ? 0o755 : 0o644);
      await platform.restart?.();
      assert.deepEqual(openToOthers(list(folder)), []);
      const printed = readFileSync(join(folder, '..', 'start.log'), 'utf8');
      assert.match(printed, /^ {2}! \d+ files and folders in it were open to other users and are closed now$/m);
    });
  });
}

type Entry = { readonly name: string; readonly mode: number; readonly isFolder: boolean };

function folderOf({ dataDir }: Platform): string {
  if (dataDir === undefined) throw new Error('expected a platform with a data folder');
  return dataDir;
}

/** Everything in a folder, and itself. What goes away meanwhile is not in it. */
function list(folder: string): readonly Entry[] {
  const names = ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })];
  return names.flatMap((name) => {
    const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (stat === undefined || stat.isSymbolicLink()) return [];
    return [{ name, mode: stat.mode & 0o777, isFolder: stat.isDirectory() }];
  });
}

function openToOthers(entries: readonly Entry[]): readonly string[] {
  return entries.filter(({ mode }) => (mode & 0o077) !== 0).map(({ name, mode }) => `${name} ${mode.toString(8)}`);
}

function loosen(path: string, mode: number): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error; // gone meanwhile
  }
}
