import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { HybridStoreError, openPrivateDatabase } from '@hybridstore/runtime';

/** One statement list a version; a database is brought forward from the version in its `user_version`. */
const migrations: readonly string[] = [
  `CREATE TABLE users (
     user_id TEXT PRIMARY KEY,
     username TEXT NOT NULL,
     name_key TEXT NOT NULL UNIQUE,
     password_hash TEXT NOT NULL,
     is_platform_admin INTEGER NOT NULL DEFAULT 0,
     generation INTEGER NOT NULL DEFAULT 0,
     created_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE grants (
     user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
     position INTEGER NOT NULL,
     tenant_id TEXT NOT NULL,
     role TEXT NOT NULL,
     sources TEXT NOT NULL,
     PRIMARY KEY (user_id, position),
     UNIQUE (user_id, tenant_id, role, sources)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE api_keys (
     key_id TEXT PRIMARY KEY,
     user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
     name TEXT NOT NULL,
     tenant_id TEXT NOT NULL,
     permissions TEXT NOT NULL,
     digest BLOB NOT NULL,
     created_at_ms INTEGER NOT NULL,
     expires_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at_ms);
   CREATE INDEX api_keys_by_expiry ON api_keys (expires_at_ms);`,
  `CREATE TABLE revocations (
     sub TEXT PRIMARY KEY,
     generation INTEGER NOT NULL,
     revoked_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX revocations_by_time ON revocations (revoked_at_ms);`,
];

const fileName = 'users.sqlite';

/**
 * Opens `<folder>/users.sqlite`, readable by this user only, brought to the newest version. An unusable folder is a
 * start-up error that names USERS_PATH. FULL: a revocation that was answered must survive the machine.
 */
export function openUsersDatabase(folder: string): DatabaseSync {
  try {
    const database = openPrivateDatabase(folder, fileName, { enableForeignKeyConstraints: true, timeout: 2_000 });
    // One that was put back from a copy may be readable by others.
    chmodSync(join(folder, fileName), 0o600);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    migrate(database);
    return database;
  } catch (cause) {
    if (isDamage(cause)) throw damaged(join(folder, fileName), cause);
    const found = cause instanceof Error && 'code' in cause ? `${folder} (${String(cause.code)})` : folder;
    throw new HybridStoreError(
      'invalid_request',
      `USERS_PATH: expected a writable folder, found ${found}`,
      { variable: 'USERS_PATH', path: folder },
      { cause },
    );
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. Source: sqlite3.h. */
const damageCodes: readonly unknown[] = [11, 26];

function isDamage(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && damageCodes.includes(error.errcode);
}

/** Users are nowhere else: an empty file in the place of a damaged one would be a silent loss. */
function damaged(path: string, cause: unknown): HybridStoreError {
  return new HybridStoreError(
    'corrupt',
    `USERS_PATH: expected the database of the users, found ${path} damaged; put a copy of it there, or move it away to begin without users`,
    { variable: 'USERS_PATH', path },
    { cause },
  );
}

function migrate(database: DatabaseSync): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { readonly user_version: number };
  if (version > migrations.length)
    throw new Error(`the database has version ${version}, this program knows ${migrations.length}`);
  for (const [index, statements] of migrations.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN IMMEDIATE; ${statements} PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}
