import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { createTemporaryFolder, type DamageCount, FakeClock, reportDamage } from '@hybridstore/test-kit';
import type { ApiKeyRecord, NewUser } from '../src/domain/ports.ts';
import { openUsersDatabase } from '../src/store/open-users-database.ts';
import { SqliteUserStore } from '../src/store/sqlite-user-store.ts';

const userCount = 30;
const file = 'users.sqlite';
/** The crash suite takes more. */
const every = process.env['HYBRIDSTORE_CRASH_BUDGET'] ? 32 : 128;

function user(index: number): NewUser {
  return {
    userId: `id-${index}`,
    username: `User-${index}`,
    passwordHash: `$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$${'hash'.repeat(10)}${index}`,
    isPlatformAdmin: index === 0,
    createdAtMs: 1_700_000_000_000 + index,
    grants:
      index % 3 === 0 ? [] : [{ tenantId: 'default/acme', role: 'reader', sources: [`sales_${index}`, 'movies'] }],
    address: `192.0.2.${index}`,
  };
}

function key(index: number): ApiKeyRecord {
  return {
    keyId: `key-${index}`,
    userId: `id-${index}`,
    name: 'robot',
    tenantId: 'default/acme',
    permissions: [{ sources: ['movies'], actions: ['read'] }],
    digest: Buffer.alloc(32, index),
    createdAtMs: index,
    expiresAtMs: 4_000_000_000_000,
  };
}

async function fill(store: SqliteUserStore): Promise<void> {
  for (let index = 0; index < userCount; index += 1) {
    await store.insertUser(user(index), 1_000);
    if (index % 5 === 0) await store.insertKey(key(index), 10);
  }
  await store.endSessions('id-7');
  await store.deleteKey('id-10', 'key-10');
  await store.revokeAll('id-4');
}

/** Everything that the store answers, read by each way in. */
async function readEverything(folder: string): Promise<string> {
  const store = new SqliteUserStore(openUsersDatabase(folder), new FakeClock());
  try {
    const all: unknown[] = [];
    for (let index = 0; index < userCount; index += 1)
      all.push(
        await store.userById(`id-${index}`),
        await store.userByName(`user-${index}`),
        await store.keysOfUser(`id-${index}`),
        await store.keyById(`key-${index}`),
        await store.knowsAddress(`id-${index}`, `192.0.2.${index}`),
      );
    all.push(await store.revocationsSince(0, 1_000));
    return JSON.stringify(all);
  } finally {
    await store.close();
  }
}

type Files = Readonly<Record<string, Buffer>>;
type Counts = { same: number; refused: number };

function kindOf(damage: DamageCount['damage'], { same, refused }: Counts, of = 'users'): DamageCount {
  return { file: of, damage, right: same, refused, wrong: 0 };
}

function readFiles(folder: string): Files {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

/** Starts on these files: all is there as expected, or the start is refused by the name of the file. */
async function start(files: Files, expected: string, counts: Counts): Promise<void> {
  using folder = createTemporaryFolder('damaged');
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder.path, name), bytes);
  try {
    // Not `equal`: the difference would be a page of hashes.
    assert.ok((await readEverything(folder.path)) === expected, 'answers differ from those before the damage');
    counts.same += 1;
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    // A flip in the number of the version may make a newer one of it.
    assert.match(error.message, /^USERS_PATH: .*users\.sqlite(?: damaged|: expected at most version)/);
    assert.ok(!error.message.includes(folder.path) && !JSON.stringify(error.details).includes(folder.path));
    counts.refused += 1;
  }
}

function flip(bytes: Buffer, offset: number): Buffer {
  const flipped = Buffer.from(bytes);
  // Another bit each time, the same ones each run.
  flipped[offset] = (flipped[offset] ?? 0) ^ (1 << ((offset * 5 + (offset >> 6)) & 7));
  return flipped;
}

async function makeUsers(folder: string): Promise<{ readonly files: Files; readonly answers: string }> {
  const store = new SqliteUserStore(openUsersDatabase(folder), new FakeClock());
  await fill(store);
  await store.close();
  return { files: readFiles(folder), answers: await readEverything(folder) };
}

describe('a damaged file of users', () => {
  it('with one flipped bit, anywhere, is refused or answers all as before', async (context) => {
    using folder = createTemporaryFolder('users');
    const { files, answers } = await makeUsers(folder.path);
    const bytes = files[file] ?? Buffer.alloc(0);
    const counts = { same: 0, refused: 0 };
    // Every byte of the header, the first ones of each page, and one in `every` of all others.
    for (let offset = 0; offset < bytes.length; offset += 1)
      if (offset < 100 || offset % 4_096 < 8 || offset % every === ((offset >> 12) * 9) % every)
        await start({ [file]: flip(bytes, offset) }, answers, counts);
    reportDamage(context, [kindOf('flip', counts)]);
    // What answers as before was flipped where nothing is kept: free room in pages, counters of SQLite's own.
    assert.ok(counts.refused > 200 && counts.same > 200);
  });

  it('cut off at any length is refused', async (context) => {
    using folder = createTemporaryFolder('users');
    const { files, answers } = await makeUsers(folder.path);
    const bytes = files[file] ?? Buffer.alloc(0);
    const lengths = [0, 1, 15, 16, 99, 100, 511, 512, bytes.length - 1];
    for (let length = 1_000; length < bytes.length; length += 1_021) lengths.push(length);
    for (let length = 4_096; length < bytes.length; length += 4_096) lengths.push(length);
    const counts = { same: 0, refused: 0 };
    for (const length of lengths) await start({ [file]: bytes.subarray(0, length) }, answers, counts);
    reportDamage(context, [kindOf('truncation', counts)]);
    assert.deepEqual(counts, { same: 0, refused: lengths.length });
  });

  it('is put back as it was from the journal of a change that a kill cut off, or refused when that is damaged too', async (context) => {
    using folder = createTemporaryFolder('users');
    const { answers } = await makeUsers(folder.path);
    const database = openUsersDatabase(folder.path);
    // Pages go to the file before the commit, as they do in changes that are larger than the cache.
    database.exec(`PRAGMA cache_size = 1; BEGIN; UPDATE users SET password_hash = 'x' || password_hash;
      UPDATE grants SET role = 'admin'; UPDATE known_addresses SET seen_at_ms = 7`);
    const files = readFiles(folder.path);
    database.exec('ROLLBACK');
    database.close();
    const [bytes, journal] = [files[file], files[`${file}-journal`]];
    assert.ok(bytes && journal && journal.length > 4_096 && bytes.includes('x$argon2id'));
    const whole = { same: 0, refused: 0 };
    await start(files, answers, whole);
    assert.deepEqual(whole, { same: 1, refused: 0 });
    const counts = { same: 0, refused: 0 };
    for (let offset = 0; offset < journal.length; offset += offset < 32 ? 1 : 163)
      await start({ ...files, [`${file}-journal`]: flip(journal, offset) }, answers, counts);
    for (let length = 0; length < journal.length; length += 2_039)
      await start({ ...files, [`${file}-journal`]: journal.subarray(0, length) }, answers, counts);
    reportDamage(context, [kindOf('flip', counts, 'journal of users')]);
    assert.ok(counts.refused > 20 && counts.same > 0);
  });

  it('is not replaced by an empty one when only its journal is left', async () => {
    using folder = createTemporaryFolder('users');
    const counts = { same: 0, refused: 0 };
    for (const suffix of ['-wal', '-journal'])
      await start({ [file + suffix]: Buffer.alloc(512, 1) }, 'nothing', counts);
    assert.deepEqual(counts, { same: 0, refused: 2 });
    const store = new SqliteUserStore(openUsersDatabase(folder.path), new FakeClock());
    assert.equal(await store.userByName('user-1'), undefined);
    await store.close();
  });

  it('is named by its error when it is damaged under a running process', async () => {
    using folder = createTemporaryFolder('users');
    await makeUsers(folder.path);
    const database = openUsersDatabase(folder.path);
    const store = new SqliteUserStore(database, new FakeClock());
    // Nothing is kept in memory, as it is with pages beyond the cache.
    database.exec('PRAGMA cache_size = 0; PRAGMA shrink_memory');
    const path = join(folder.path, file);
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 4_096), Buffer.alloc(bytes.length - 4_096, 0xff)]));
    await assert.rejects(store.userById('id-1'), {
      code: 'corrupt',
      message: 'users.sqlite is damaged: database disk image is malformed',
    });
    await store.close();
  });

  it('of the version before is brought forward with all that is in it', async () => {
    using folder = createTemporaryFolder('users');
    const { files, answers } = await makeUsers(folder.path);
    writeFileSync(join(folder.path, file), files[file] ?? '');
    const database = new DatabaseSync(join(folder.path, file));
    const triggers = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all();
    for (const trigger of triggers) database.exec(`DROP TRIGGER ${trigger['name']}`);
    database.exec('PRAGMA journal_mode = WAL; DROP TABLE ledger; DROP TABLE refused_registrations');
    const addresses = database.prepare('SELECT * FROM known_addresses').all();
    database.exec('DROP TABLE known_addresses; PRAGMA user_version = 2');
    database.close();
    const store = new SqliteUserStore(openUsersDatabase(folder.path), new FakeClock());
    for (const row of addresses) await store.noteAddress(String(row['user_id']), String(row['address']));
    await store.close();
    assert.ok((await readEverything(folder.path)) === answers);
  });
});
