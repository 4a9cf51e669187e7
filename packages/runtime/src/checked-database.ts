import { hash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from './clock.ts';
import { HybridStoreError, isHybridStoreError, retryLater } from './errors.ts';
import type { Logger } from './log.ts';
import { openPrivateDatabase } from './private-database.ts';
import { isWalWhole } from './wal-file.ts';

export type CheckedDatabaseOptions = {
  readonly folder: string;
  readonly name: string;
  /** One statement list a version; a database is brought forward from the version in its `user_version`. */
  readonly migrations: readonly string[];
  /** The first version with a ledger; what is older is believed once, when it is brought forward. */
  readonly ledgerSince: number;
  /**
   * `rollback`: a commit is in the database file itself when it returns, and nothing beside it can lose it. `wal`: a fifth
   * of the time for a commit, but a log that was torn by a power cut looks like a damaged one, which is refused;
   * for what can be fetched again. `torn-wal`: what is left of such a log is taken.
   */
  readonly journal: 'rollback' | 'wal' | 'torn-wal';
  readonly synchronous: 'full' | 'normal';
  readonly busyTimeoutMs: number;
};

/** Pages that were read once, and checked, stay in memory up to this. */
const cacheKib = 64 * 1024;
const sumBytes = 16;
const headerBytes = 100;
/** What SQLite says of damaged content: ERROR (a schema that does not parse), NOMEM and TOOBIG (lengths that cannot be), CORRUPT, MISMATCH, NOTADB. Source: sqlite3.h. */
const damageCodes: readonly number[] = [1, 7, 11, 18, 20, 26];
const quarantinedMax = 8;
const checkpointIntervalMs = 60_000;

/**
 * Opens or creates a SQLite database that notices damage, also where SQLite's own check sees none (a flipped bit inside a
 * text is a good text to it). A table `ledger` holds for each other table the count of its rows and the XOR of their
 * SHA-256; triggers keep it in the transaction of every change. At the start everything is read once:
 *
 *   header, schema ── compared with what the migrations make
 *   pages, indexes ── PRAGMA integrity_check, foreign_key_check
 *   rows           ── counted and summed, compared with the ledger
 *
 * Throws `corrupt`, naming the file without its folder, rather than give out a database that lost or changed a row. Left
 * out: damage while the process runs, as far as the page was read before; and whoever writes the file on purpose.
 */
export function openCheckedDatabase(options: CheckedDatabaseOptions): DatabaseSync {
  const { folder, name } = options;
  const path = join(folder, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // One that is made under another name and then renamed is never there without its tables.
  if (!existsSync(path)) createDatabase(options);
  requireHeader(path, name);
  if (options.journal === 'wal' && !isWalWhole(`${path}-wal`)) throw damaged(name, 'its write-ahead log is broken');
  const database = openPrivateDatabase(folder, name, {
    enableForeignKeyConstraints: true,
    timeout: options.busyTimeoutMs,
  });
  try {
    configure(database, options);
    check(database, options);
    return database;
  } catch (error) {
    database.close();
    throw isDamage(error) ? damaged(name, error.message, error) : error;
  }
}

/** Brings a write-ahead log into its database once a minute, so that little is in a file that loses its end to one bad bit. Gives what ends it. */
export function scheduleCheckpoints(database: DatabaseSync, clock: Clock, logger: Logger): () => void {
  const run = () => {
    try {
      checkpointAtOnce(database);
    } catch (error) {
      // A full disk must not end the process: the log goes on growing until the next time.
      logger.error('checkpoint_failed', { error });
    }
    cancel = clock.schedule(checkpointIntervalMs, run);
  };
  let cancel = clock.schedule(checkpointIntervalMs, run);
  return () => cancel();
}

function checkpoint(database: DatabaseSync): void {
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

/** As far as readers let it, and without waiting for one: a process that serves would stand still meanwhile. */
export function checkpointAtOnce(database: DatabaseSync): void {
  const waitMs = Number(readPragma(database, 'busy_timeout'));
  database.exec('PRAGMA busy_timeout = 0');
  try {
    checkpoint(database);
  } finally {
    database.exec(`PRAGMA busy_timeout = ${waitMs}`);
  }
}

/**
 * Moves a database and what SQLite keeps beside it out of the way, for somebody to look at, and gives the name it has now.
 * Not synced: after a crash the next start finds the same file under its old name, and moves it again.
 */
export function quarantineDatabase(folder: string, name: string): string {
  const names = Array.from(
    { length: quarantinedMax },
    (_, index) => `${name}.unusable${index === 0 ? '' : `.${index}`}`,
  );
  // With all names taken, the last one goes: the first damage is nearest to its cause.
  const aside = names.find((candidate) => !existsSync(join(folder, candidate))) ?? names[quarantinedMax - 1] ?? name;
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    if (existsSync(join(folder, name + suffix))) renameSync(join(folder, name + suffix), join(folder, aside + suffix));
  return aside;
}

function createDatabase(options: CheckedDatabaseOptions): void {
  const { folder, name } = options;
  if (['-wal', '-journal'].some((suffix) => hasContent(join(folder, name + suffix))))
    throw damaged(name, 'only its journal is there');
  const unfinished = `${name}.new`;
  rmSync(join(folder, unfinished), { force: true });
  const database = openPrivateDatabase(folder, unfinished);
  try {
    configure(database, { ...options, journal: 'rollback', synchronous: 'full' });
    database.exec('PRAGMA journal_mode = MEMORY');
    migrate(database, options, 0);
  } finally {
    database.close();
  }
  renameSync(join(folder, unfinished), join(folder, name));
  const directory = openSync(folder, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** SQLite takes a file that is too short for its header for a new one, and one of an unknown write version for a read-only one. */
function requireHeader(path: string, name: string): void {
  const file = openSync(path, 'r');
  try {
    requireHeaderBytes(readHeader(file), name);
  } finally {
    closeSync(file);
  }
}

/** The first bytes of an open database file: all that SQLite calls its header, or fewer. */
export function readHeader(file: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  return header.subarray(0, readSync(file, header, 0, headerBytes, 0));
}

export function requireHeaderBytes(header: Uint8Array, name: string): void {
  if (header.length < headerBytes) throw damaged(name, 'it is cut off');
  // Bytes 18 and 19: 1 for a rollback journal, 2 for WAL. Source: sqlite.org/fileformat2.html, section 1.3.
  const magic = Buffer.from(header.subarray(0, 16)).toString('latin1');
  if (magic !== 'SQLite format 3\0' || [header[18], header[19]].some(isUnknownVersion))
    throw damaged(name, 'file is not a database');
}

function isUnknownVersion(version: number | undefined): boolean {
  return version !== 1 && version !== 2;
}

function hasContent(path: string): boolean {
  return sizeOf(path) > 0;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function configure(database: DatabaseSync, { journal, synchronous }: CheckedDatabaseOptions): void {
  database.function('ledger_fold', { deterministic: true, useBigIntArguments: true, varargs: true }, foldRow);
  const isRollback = journal === 'rollback';
  // TRUNCATE, because that is synced with FULL, while a deleted journal may come back after a power cut.
  database.exec(`PRAGMA journal_mode = ${isRollback ? 'TRUNCATE' : 'WAL'}; PRAGMA synchronous = ${synchronous};
    PRAGMA cache_size = -${cacheKib}; PRAGMA recursive_triggers = ON; PRAGMA journal_size_limit = 0;`);
  // What a process left behind that was killed goes into the database now, where it is checked.
  if (!isRollback) checkpoint(database);
}

function check(database: DatabaseSync, options: CheckedDatabaseOptions): void {
  const { migrations } = options;
  const version = Number(readPragma(database, 'user_version'));
  // Databases are born with their tables.
  if (version <= 0) throw new Damage('it has no version');
  if (version > migrations.length)
    throw new HybridStoreError(
      'conflict',
      `${options.name}: expected at most version ${migrations.length}, found ${version}`,
      { file: options.name, actual: version },
    );
  requireContent(database, options, version);
  if (version < migrations.length) migrate(database, options, version);
}

/** Everything but the header. `version` is whose tables are expected. */
export function requireContent(database: DatabaseSync, options: CheckedDatabaseOptions, version: number): void {
  requirePages(database);
  if (version < options.ledgerSince) return;
  requireSchema(database, options, version);
  requireLedger(database);
}

function requirePages(database: DatabaseSync): void {
  const found = readPragma(database, 'integrity_check(1)');
  if (found !== 'ok') throw new Damage(String(found));
  if (readPragma(database, 'foreign_key_check') !== undefined) throw new Damage('a reference leads nowhere');
}

export type DatabaseCheck = {
  /** What is wrong; undefined when nothing is. */
  readonly damage: string | undefined;
  readonly bytes: number;
  /** Whether rows were compared with the ledger; a database of before has none. */
  readonly hasLedger: boolean;
};

const copiesMax = 5;

/**
 * Looks at a database as `openCheckedDatabase` does, at a copy, so that nothing about it changes: no migration, no journal
 * played back, no log brought in. Left out is what only the service knows: which tables its version has. `not_found` when it
 * is not there, `unavailable` when it changed during each of a few copies.
 */
export function checkDatabase(
  folder: string,
  { name, journal }: Pick<CheckedDatabaseOptions, 'name' | 'journal'>,
): DatabaseCheck {
  const copies = mkdtempSync(join(tmpdir(), 'hybridstore-check-'));
  try {
    const bytes = copyDatabase(folder, name, copies);
    return { bytes, ...checkCopy(join(copies, name), name, journal) };
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}

function checkCopy(
  path: string,
  name: string,
  journal: CheckedDatabaseOptions['journal'],
): Omit<DatabaseCheck, 'bytes'> {
  let database: DatabaseSync | undefined;
  try {
    requireHeader(path, name);
    if (journal === 'wal' && !isWalWhole(`${path}-wal`)) throw new Damage('its write-ahead log is broken');
    database = new DatabaseSync(path, { enableForeignKeyConstraints: true });
    if (Number(readPragma(database, 'user_version')) <= 0) throw new Damage('it has no version');
    requirePages(database);
    return { damage: undefined, hasLedger: requireOwnLedger(database) };
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return { damage, hasLedger: false };
  } finally {
    database?.close();
  }
}

/** What a look at a database threw, if that is damage. */
export function damageOf(error: unknown): string | undefined {
  if (isHybridStoreError(error, 'corrupt')) return String(error.details['damage']);
  return isDamage(error) ? error.message : undefined;
}

/** False for a database of before the ledger. The triggers that keep it are compared with what they should be. */
function requireOwnLedger(database: DatabaseSync): boolean {
  const triggers = database.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'ledger_%'");
  const found = new Set(triggers.all().map((row) => String(row['sql'])));
  if (namesOf(database, "type = 'table' AND name = 'ledger'").length === 0) {
    if (found.size > 0) throw new Damage('its ledger is missing');
    return false;
  }
  const expected = countedTables(database).flatMap((table) => triggerList(database, table));
  if (found.size !== expected.length || expected.some((sql) => !found.has(sql.replace(/;$/, ''))))
    throw new Damage('what keeps its ledger is not what was written');
  requireLedger(database);
  return true;
}

/** All parts as they were at one moment: a copy during which any of them changed is made again. */
function copyDatabase(folder: string, name: string, copies: string): number {
  for (let copy = 1; copy <= copiesMax; copy += 1) {
    const before = describeParts(folder, name);
    if (!existsSync(join(folder, name)))
      throw new HybridStoreError('not_found', `${name} is not there`, { file: name });
    for (const part of databaseParts) {
      rmSync(join(copies, name + part), { force: true });
      if (existsSync(join(folder, name + part))) copyFileSync(join(folder, name + part), join(copies, name + part));
    }
    if (describeParts(folder, name) === before)
      return databaseParts.reduce((sum, part) => sum + sizeOf(join(copies, name + part)), 0);
  }
  throw retryLater('unavailable', `${name} changes faster than it can be copied`, 1_000);
}

/** Without the shared memory, which SQLite makes again from the log. */
const databaseParts = ['', '-wal', '-journal'] as const;

function describeParts(folder: string, name: string): string {
  const parts = databaseParts.map((part) => {
    const stat = statSync(join(folder, name + part), { bigint: true, throwIfNoEntry: false });
    return stat && `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
  });
  return JSON.stringify(parts);
}

/** All versions that are missing, and the ledger anew, in one transaction. */
function migrate(database: DatabaseSync, { migrations, ledgerSince }: CheckedDatabaseOptions, version: number): void {
  database.exec('BEGIN IMMEDIATE');
  for (const trigger of ledgerTriggers(database)) database.exec(`DROP TRIGGER ${trigger}`);
  for (const statements of migrations.slice(version)) database.exec(statements);
  if (migrations.length >= ledgerSince) buildLedger(database);
  database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`);
}

function buildLedger(database: DatabaseSync): void {
  database.exec(`DROP TABLE IF EXISTS ledger;
    CREATE TABLE ledger (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, sum BLOB NOT NULL) STRICT, WITHOUT ROWID;`);
  const insert = database.prepare('INSERT INTO ledger VALUES (?, ?, ?)');
  for (const table of countedTables(database)) {
    const { rows, sum } = sumTable(database, table);
    insert.run(table, rows, sum);
    database.exec(triggersOf(database, table));
  }
}

function triggersOf(database: DatabaseSync, table: string): string {
  return triggerList(database, table).join('\n');
}

function triggerList(database: DatabaseSync, table: string): string[] {
  const columns = database.prepare(`PRAGMA table_info(${table})`).all();
  const row = (which: string) => [`'${table}'`, ...columns.map((column) => `${which}.${column['name']}`)].join(', ');
  const trigger = (event: string, change: string) =>
    `CREATE TRIGGER ledger_${table}_${event} AFTER ${event} ON ${table}
     BEGIN UPDATE ledger SET ${change} WHERE name = '${table}'; END;`;
  return [
    trigger('insert', `rows = rows + 1, sum = ledger_fold(sum, ${row('NEW')})`),
    trigger('delete', `rows = rows - 1, sum = ledger_fold(sum, ${row('OLD')})`),
    trigger('update', `sum = ledger_fold(ledger_fold(sum, ${row('OLD')}), ${row('NEW')})`),
  ];
}

/** A flipped bit in a trigger or a default would do harm later. */
function requireSchema(database: DatabaseSync, options: CheckedDatabaseOptions, version: number): void {
  const model = new DatabaseSync(':memory:');
  try {
    configure(model, options);
    migrate(model, { ...options, migrations: options.migrations.slice(0, version) }, 0);
    if (describeSchema(model) !== describeSchema(database)) throw new Damage('its tables are not those of its version');
  } finally {
    model.close();
  }
}

function describeSchema(database: DatabaseSync): string {
  return JSON.stringify(
    database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').all(),
  );
}

function requireLedger(database: DatabaseSync): void {
  const read = database.prepare('SELECT rows, sum FROM ledger WHERE name = ?');
  for (const table of countedTables(database)) {
    const held = read.get(table);
    const { rows, sum } = sumTable(database, table);
    if (held?.['rows'] !== rows || !sum.equals(held['sum'] as Uint8Array))
      throw new Damage(
        `table ${table}: expected ${held?.['rows'] ?? 'a number of'} rows as they were written, found ${rows} others`,
      );
  }
}

function sumTable(database: DatabaseSync, table: string): { readonly rows: number; readonly sum: Buffer } {
  const statement = database.prepare(`SELECT * FROM ${table}`);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  const sum = Buffer.alloc(sumBytes);
  let rows = 0;
  // Arrays, as asked for above.
  for (const row of statement.iterate() as Iterable<unknown> as Iterable<readonly Value[]>) {
    foldInto(sum, table, row);
    rows += 1;
  }
  return { rows, sum };
}

type Value = null | bigint | number | string | Uint8Array;

function foldRow(sum: Value, table: Value, ...row: readonly Value[]): Buffer {
  if (!(sum instanceof Uint8Array) || sum.length !== sumBytes) throw new Damage('the ledger holds no sum');
  const folded = Buffer.from(sum);
  foldInto(folded, String(table), row);
  return folded;
}

function foldInto(sum: Buffer, table: string, row: readonly Value[]): void {
  const digest = hash('sha256', `${table}:${row.map(encodeValue).join('')}`, 'buffer');
  for (let index = 0; index < sumBytes; index += 1) sum[index] = (sum[index] ?? 0) ^ (digest[index] ?? 0);
}

/** No two rows have one text: each value has its type in front, and texts their length. */
function encodeValue(value: Value): string {
  if (value === null) return 'n;';
  if (typeof value === 'string') return `s${value.length}:${value};`;
  if (typeof value === 'bigint') return `i${value};`;
  return typeof value === 'number' ? `r${value};` : `b${Buffer.from(value).toString('hex')};`;
}

function countedTables(database: DatabaseSync): string[] {
  return namesOf(database, "type = 'table' AND name <> 'ledger' AND name NOT LIKE 'sqlite_%'");
}

function ledgerTriggers(database: DatabaseSync): string[] {
  return namesOf(database, "type = 'trigger' AND name LIKE 'ledger_%'");
}

function namesOf(database: DatabaseSync, condition: string): string[] {
  return database
    .prepare(`SELECT name FROM sqlite_schema WHERE ${condition} ORDER BY name`)
    .all()
    .map((row) => String(row['name']));
}

export function readPragma(database: DatabaseSync, pragma: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
}

/** What the checks above find, beside what SQLite itself throws. */
export class Damage extends Error {}

function isDamage(error: unknown): error is Error {
  if (error instanceof Damage) return true;
  return error instanceof Error && 'errcode' in error && damageCodes.includes(Number(error.errcode) & 0xff);
}

/** What a statement throws, as `corrupt` when SQLite found its file damaged while the process runs; any other as it is. */
export function asDatabaseError(name: string, error: unknown): unknown {
  const isCorrupt = error instanceof Error && 'errcode' in error && isCorruptCode(Number(error.errcode) & 0xff);
  return isCorrupt ? damaged(name, error.message, error) : error;
}

/** CORRUPT and NOTADB. */
function isCorruptCode(code: number): boolean {
  return code === 11 || code === 26;
}

function damaged(name: string, what: string, cause?: unknown): HybridStoreError {
  return new HybridStoreError('corrupt', `${name} is damaged: ${what}`, { file: name, damage: what }, { cause });
}
