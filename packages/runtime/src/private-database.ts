import { chmodSync, closeSync, fchmodSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type DatabaseSyncOptions } from 'node:sqlite';
import { isErrno, privateFile, privateFolder } from './disk.ts';

/**
 * Opens or creates a SQLite database for this user's eyes only, in a folder that is made the same way when it is absent.
 * A database of an older version, or one that was put back from a copy, becomes private too; a folder that is there keeps
 * its mode (`closeFolder`). The file is made before SQLite opens it, so that nobody can open it in between; SQLite gives a
 * new `-wal` and `-shm` the mode of the database. Errors are those of the operating system and of SQLite.
 */
export function openPrivateDatabase(folder: string, name: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  mkdirSync(folder, { recursive: true, mode: privateFolder });
  const path = join(folder, name);
  const descriptor = openSync(path, 'a', privateFile);
  fchmodSync(descriptor, privateFile);
  closeSync(descriptor);
  for (const suffix of ['-wal', '-shm']) makePrivateIfThere(path + suffix);
  return new DatabaseSync(path, options);
}

function makePrivateIfThere(path: string): void {
  try {
    chmodSync(path, privateFile);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
