import { closeSync, existsSync, openSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import {
  type CheckedDatabaseOptions,
  Damage,
  type DatabaseCheck,
  damageOf,
  readPragma,
  requireContent,
  requireHeaderBytes,
} from './checked-database.ts';
import { privateFile } from './disk.ts';
import { HybridStoreError } from './errors.ts';

/**
 * The look that `openCheckedDatabase` takes at a start, at a database that is being served: header, schema, pages, indexes,
 * references, rows. Nothing is read that the serving connection holds in memory, and nobody who writes waits for it:
 *
 *   wal        one read transaction, beside which writers go on
 *   rollback   a reader would hold up every commit, so a copy is looked at, made of a few pages at a time by SQLite's own
 *              means: it begins anew where a commit comes between, and lies beside the database, for this user alone
 *
 * For threads of the process that serves. No file of the database is opened but by SQLite: the end of any other descriptor
 * of it would take away the locks that SQLite holds in this process (sqlite.org/howtocorrupt.html, section 2.2).
 */
export type ServedDatabase = {
  readonly options: CheckedDatabaseOptions;
  /** The first bytes of the file, which SQLite does not check in all. */
  readonly header: Uint8Array;
};

/** At a time, while which commits wait: 1 MiB. */
const pagesAtOnce = 256;
/** Left free on the volume by a copy, for those who write. */
const spareBytes = 16 * 1024 * 1024;
/** Of a commit that is under way. */
const waitMsMax = 5_000;
/** IOERR_READ and IOERR_SHORT_READ. Source: sqlite3.h. */
const readFailures: readonly number[] = [266, 522];

export function copyNameOf(name: string): string {
  return `${name}.checking`;
}

/** Throws what is no damage: `storage_full` where a copy has no room. */
export async function checkServedDatabase({ options, header }: ServedDatabase): Promise<DatabaseCheck> {
  const path = join(options.folder, options.name);
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const hasLedger = options.migrations.length >= options.ledgerSince;
  try {
    if (!existsSync(path)) throw new Damage('it is missing');
    requireHeaderBytes(header, options.name);
    if (options.journal === 'rollback') await checkCopy(options, bytes);
    else checkSnapshot(path, options);
    return { damage: undefined, bytes, hasLedger };
  } catch (error) {
    const damage = damageOf(error) ?? readFailureOf(error);
    if (damage === undefined) throw error;
    return { damage, bytes, hasLedger };
  }
}

function readFailureOf(error: unknown): string | undefined {
  const isReadFailure = error instanceof Error && 'errcode' in error && readFailures.includes(Number(error.errcode));
  return isReadFailure ? `it cannot be read (${error.message})` : undefined;
}

function checkSnapshot(path: string, options: CheckedDatabaseOptions): void {
  const database = new DatabaseSync(path, { readOnly: true, timeout: waitMsMax });
  try {
    database.exec('BEGIN');
    requireCurrent(database, options);
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}

async function checkCopy(options: CheckedDatabaseOptions, bytes: number): Promise<void> {
  const { folder, name } = options;
  const copy = join(folder, copyNameOf(name));
  requireRoom(folder, { name, bytes });
  try {
    rmSync(copy, { force: true });
    closeSync(openSync(copy, 'wx', privateFile));
    await copyPages(join(folder, name), copy);
    const database = new DatabaseSync(copy);
    try {
      requireCurrent(database, options);
    } finally {
      database.close();
    }
  } finally {
    for (const suffix of ['', '-journal']) rmSync(copy + suffix, { force: true });
  }
}

async function copyPages(path: string, copy: string): Promise<void> {
  const source = new DatabaseSync(path, { readOnly: true, timeout: waitMsMax });
  try {
    await backup(source, copy, { rate: pagesAtOnce });
  } finally {
    source.close();
  }
}

function requireRoom(folder: string, { name, bytes }: { readonly name: string; readonly bytes: number }): void {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= bytes + spareBytes) return;
  throw new HybridStoreError(
    'storage_full',
    `${name}: expected ${bytes + spareBytes} bytes of room for a copy to look at, found ${freeBytes}`,
    { file: name, expected: bytes + spareBytes, actual: freeBytes },
  );
}

function requireCurrent(database: DatabaseSync, options: CheckedDatabaseOptions): void {
  const expected = options.migrations.length;
  const version = Number(readPragma(database, 'user_version'));
  if (version !== expected) throw new Damage(`expected version ${expected}, found ${version}`);
  requireContent(database, options, expected);
}
