import type { DatabaseSync } from 'node:sqlite';
import {
  type CheckedDatabaseOptions,
  isHybridStoreError,
  openCheckedDatabase,
  quarantineDatabase,
  wrongVariable,
} from '@hybridstore/runtime';
import { migrations } from './schema.ts';

export type OpenedDatabase = {
  readonly database: DatabaseSync;
  /** A damaged or foreign database, and the name beside the new one that it has now; undefined when there was none. */
  readonly setAside: { readonly file: string; readonly reason: string } | undefined;
};

const fileName = 'catalog.sqlite';

/**
 * Opens or creates the database in a folder. One that is damaged, or of a newer version, is set aside for somebody to look
 * at and an empty one made: everything in it comes again from the operator and the nodes. Throws `invalid_request` naming
 * DATA_PATH when the folder cannot be written.
 */
export function openDatabase(folder: string): OpenedDatabase {
  try {
    return { database: open(folder), setAside: undefined };
  } catch (error) {
    if (!isHybridStoreError(error)) throw unusable(folder, error);
    try {
      const file = quarantineDatabase(folder, fileName);
      return { database: open(folder), setAside: { file, reason: error.message } };
    } catch (cause) {
      throw unusable(folder, cause);
    }
  }
}

function open(folder: string): DatabaseSync {
  return openCheckedDatabase(databaseOptions(folder));
}

export function databaseOptions(folder: string): CheckedDatabaseOptions {
  return {
    folder,
    name: fileName,
    migrations,
    ledgerSince: 2,
    journal: 'wal',
    synchronous: 'full',
    busyTimeoutMs: 5_000,
  };
}

function unusable(folder: string, cause: unknown): Error {
  const found = cause instanceof Error ? cause.message : String(cause);
  return wrongVariable('DATA_PATH', 'a folder that can be written', `${folder} (${found})`);
}
