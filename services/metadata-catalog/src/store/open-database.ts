import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openPrivateDatabase, wrongVariable } from '@hybridstore/runtime';
import { createTables, storeVersion } from './schema.ts';

export type OpenedDatabase = {
  readonly database: DatabaseSync;
  /** Where an unreadable or foreign database was moved to; undefined when there was none. */
  readonly setAside: string | undefined;
};

const fileName = 'catalog.sqlite';
/** SQLite's primary result codes for a damaged file and for a file that is no database. */
const unreadableCodes: readonly number[] = [11, 26];

/**
 * Opens or creates the database in a folder. One that cannot be read, or is of another version, is set aside under
 * `catalog.sqlite.unusable` and an empty one made: everything in it comes again from the operator and the nodes. Throws
 * `invalid_request` naming DATA_PATH when the folder cannot be written.
 */
export function openDatabase(folder: string): OpenedDatabase {
  try {
    const database = tryOpen(folder);
    if (database) return { database, setAside: undefined };
    const setAside = moveAside(join(folder, fileName));
    const fresh = tryOpen(folder);
    if (!fresh) throw new Error('an empty database is not readable');
    return { database: fresh, setAside };
  } catch (cause) {
    throw wrongVariable('DATA_PATH', 'a folder that can be written', `${folder} (${describe(cause)})`);
  }
}

function tryOpen(folder: string): DatabaseSync | undefined {
  const database = openPrivateDatabase(folder, fileName, { enableForeignKeyConstraints: true });
  try {
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000');
    if (prepareVersion(database)) return database;
  } catch (error) {
    if (!isUnreadable(error)) {
      database.close();
      throw error;
    }
  }
  database.close();
  return undefined;
}

/** False when the database belongs to another version. */
function prepareVersion(database: DatabaseSync): boolean {
  const version = database.prepare('pragma user_version').get()?.['user_version'];
  if (version === storeVersion) return true;
  if (version !== 0) return false;
  database.exec(`begin; ${createTables} pragma user_version = ${storeVersion}; commit`);
  return true;
}

/** Not synced: after a crash the next start finds the same file under its old name, and sets it aside again. */
function moveAside(path: string): string {
  const aside = `${path}.unusable`;
  renameSync(path, aside);
  for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  return aside;
}

function isUnreadable(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false;
  return unreadableCodes.includes(Number(error.errcode) & 0xff);
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
