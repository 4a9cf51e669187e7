import { type Dirent, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { usageError } from '../usage-error.ts';
import type { Part, PartKind } from './finding.ts';

/** Flags that name single parts, each with what it is expected to name. */
export type NamedParts = Readonly<Partial<Record<PartKind, readonly string[]>>>;

const databases: Readonly<Record<string, PartKind>> = {
  'users.sqlite': 'users',
  'catalog.sqlite': 'catalog',
  'logs.sqlite': 'logs',
};
const volumes: Readonly<Record<string, string>> = { tables: 'the tables of a tenant', log: 'the log of a node' };
const ofLogPattern = /^\d{20}\.(log|ids)$/;
/** `volumes/<namespace>/<claim>` is three deep. */
const depthMax = 8;
const foldersMax = 100_000;

/** The parts of a data folder, whatever it calls them: each is known by what lies in it. */
export function findParts(folder: string): readonly Part[] {
  requireKind('--data-dir', folder, 'folder');
  const parts: Part[] = [];
  const waiting = [{ name: '', depth: 0 }];
  let looked = 0;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    looked += 1;
    if (looked > foldersMax) throw usageError('--data-dir', `expected at most ${foldersMax} folders, found more`);
    const entries = readFolder('--data-dir', join(folder, next.name));
    const kind = volumeKind(entries);
    if (kind) parts.push({ kind, path: join(folder, next.name), name: next.name || '.' });
    for (const entry of kind ? [] : entries) {
      const name = join(next.name, entry.name);
      const database = entry.isFile() ? databases[entry.name] : undefined;
      if (database) parts.push({ kind: database, path: join(folder, name), name });
      if (entry.isDirectory() && next.depth < depthMax) waiting.push({ name, depth: next.depth + 1 });
    }
  }
  if (parts.length > 0) return sorted(parts);
  throw usageError(
    '--data-dir',
    `expected a data folder with tables, logs or databases, found none of them in ${folder}`,
  );
}

export function namedParts(named: NamedParts): readonly Part[] {
  return Object.entries(named).flatMap(([kind, paths]) =>
    (paths ?? []).map((path) => {
      const isFolder = kind === 'tables' || kind === 'log';
      requireKind(`--${kind}`, path, isFolder ? 'folder' : 'file');
      // Of a wrong folder nothing would be damaged.
      if (isFolder && volumeKind(readFolder(`--${kind}`, path)) !== kind)
        throw usageError(`--${kind}`, `expected ${volumes[kind]}, found none in ${path}`);
      return { kind: kind as PartKind, path: resolve(path), name: path }; // the keys of NamedParts
    }),
  );
}

function volumeKind(entries: readonly Dirent[]): 'tables' | 'log' | undefined {
  const has = (name: string) => entries.some((entry) => entry.name === name);
  if (has('log-id') || entries.some(({ name }) => ofLogPattern.test(name))) return 'log';
  return has('volume.json') || has('tables') ? 'tables' : undefined;
}

/** Folders of the system may be closed to who asks; those of a platform belong to one user. */
function readFolder(flag: string, folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw usageError(flag, `expected folders that can be read, found ${basename(folder)} (${codeOf(cause)})`);
  }
}

function requireKind(flag: string, path: string, kind: 'folder' | 'file'): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat && (kind === 'folder' ? stat.isDirectory() : stat.isFile())) return;
  throw usageError(flag, `expected a ${kind}, found ${stat ? 'something else' : 'nothing'} at ${path}`);
}

function sorted(parts: readonly Part[]): readonly Part[] {
  const kinds: readonly PartKind[] = ['tables', 'log', 'users', 'catalog', 'logs'];
  return parts.toSorted(
    (one, other) => kinds.indexOf(one.kind) - kinds.indexOf(other.kind) || (one.name < other.name ? -1 : 1),
  );
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
}
