import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import { openUsersDatabase } from '../src/store/open-users-database.ts';
import { SqliteUserStore } from '../src/store/sqlite-user-store.ts';
import { storeContract } from './store-contract.ts';

storeContract('SQLite', async (clock = new FakeClock()) => {
  const folder = createTemporaryFolder();
  const store = new SqliteUserStore(openUsersDatabase(folder.path), clock);
  return {
    store,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      folder[Symbol.dispose]();
    },
  };
});

const ada = {
  userId: 'id-ada',
  username: 'ada',
  passwordHash: 'x',
  isPlatformAdmin: false,
  createdAtMs: 1,
  grants: [],
};

describe('the file of users', () => {
  it('holds its users when it is opened again', async () => {
    using folder = createTemporaryFolder();
    const first = new SqliteUserStore(openUsersDatabase(folder.path), new FakeClock());
    await first.insertUser(ada, 10);
    await first.close();
    const second = new SqliteUserStore(openUsersDatabase(folder.path), new FakeClock());
    assert.equal((await second.userById('id-ada'))?.username, 'ada');
    await second.close();
  });

  it('is for nobody else to read, syncs every commit and checks references', () => {
    using folder = createTemporaryFolder();
    const database = openUsersDatabase(join(folder.path, 'deep/users'));
    assert.equal(statSync(join(folder.path, 'deep/users/users.sqlite')).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder.path, 'deep/users')).mode & 0o777, 0o700);
    const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    assert.deepEqual([pragma('journal_mode'), pragma('synchronous'), pragma('foreign_keys')], ['truncate', 2, 1]);
    database.close();
  });

  it('in a place that is no folder is a start-up error that names USERS_PATH', () => {
    using folder = createTemporaryFolder();
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    assert.throws(() => openUsersDatabase(file), { code: 'invalid_request', message: /^USERS_PATH: .*EEXIST/ });
    assert.throws(() => openUsersDatabase(join(file, 'below')), { message: /^USERS_PATH: .*ENOTDIR/ });
  });

  it('that is no database, or a newer one, is refused and left as it is', () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'users.sqlite');
    writeFileSync(path, 'this is no database, but it is long enough to be taken for one'.repeat(20));
    assert.throws(() => openUsersDatabase(folder.path), {
      code: 'corrupt',
      message:
        /^USERS_PATH: expected the database of the users, found users\.sqlite damaged \(file is not a database\); put a copy of it there/,
    });
    using other = createTemporaryFolder();
    const newer = new DatabaseSync(join(other.path, 'users.sqlite'));
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    assert.throws(() => openUsersDatabase(other.path), { message: /^USERS_PATH: / });
  });
});
