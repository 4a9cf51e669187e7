import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type DatabaseSyncOptions } from 'node:sqlite';

/**
 * Opens or creates a SQLite database for this user's eyes only, in a folder that is made the same way when it is absent.
 * What is there already keeps its modes. The file is made before SQLite opens it, so that nobody can open it in between;
 * SQLite gives its `-wal` and `-shm` the mode of the database. Errors are those of the operating system and of SQLite.
 */
export function openPrivateDatabase(folder: string, name: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  closeSync(openSync(path, 'a', 0o600));
  return new DatabaseSync(path, options);
}
