import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import {
  type CheckedDatabaseOptions,
  HybridStoreError,
  isHybridStoreError,
  openCheckedDatabase,
} from '@hybridstore/runtime';

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
  `CREATE TABLE known_addresses (
     user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
     address TEXT NOT NULL,
     seen_at_ms INTEGER NOT NULL,
     PRIMARY KEY (user_id, address)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE refused_registrations (id INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT;
   INSERT INTO refused_registrations VALUES (1, 0);`,
];
const ledgerSince = 3;

export const fileName = 'users.sqlite';

/** Rollback journal and FULL: what was answered survives the machine, in one file. */
export function usersDatabaseOptions(folder: string): CheckedDatabaseOptions {
  return {
    folder,
    name: fileName,
    migrations,
    ledgerSince,
    journal: 'rollback',
    synchronous: 'full',
    busyTimeoutMs: 2_000,
  };
}

/**
 * Opens `<folder>/users.sqlite`, readable by this user only, brought to the newest version. An unusable folder is a
 * start-up error that names USERS_PATH; a database that lost or changed a row is `corrupt`, because users are nowhere else:
 * an empty file in its place would be a silent loss.
 */
export function openUsersDatabase(folder: string): DatabaseSync {
  try {
    const database = openCheckedDatabase(usersDatabaseOptions(folder));
    // One that was put back from a copy may be readable by others.
    chmodSync(join(folder, fileName), 0o600);
    return database;
  } catch (cause) {
    if (isHybridStoreError(cause, 'corrupt')) throw refuseDamaged(cause);
    if (isHybridStoreError(cause)) throw refuseNewer(cause);
    const found = cause instanceof Error && 'code' in cause ? `${folder} (${String(cause.code)})` : folder;
    throw new HybridStoreError(
      'invalid_request',
      `USERS_PATH: expected a writable folder, found ${found}`,
      { variable: 'USERS_PATH', path: folder },
      { cause },
    );
  }
}

function refuseNewer(cause: HybridStoreError): HybridStoreError {
  return new HybridStoreError(cause.code, `USERS_PATH: ${cause.message}`, { variable: 'USERS_PATH', ...cause.details });
}

function refuseDamaged(cause: HybridStoreError): HybridStoreError {
  return new HybridStoreError(
    'corrupt',
    `USERS_PATH: expected the database of the users, found ${fileName} damaged (${String(cause.details['damage'])}); put a copy of it there, or move it away to begin without users`,
    { variable: 'USERS_PATH', file: fileName },
    { cause },
  );
}
