import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { FakeClock, reportDamage } from '@hybridstore/test-kit';
import {
  type CheckedDatabaseOptions,
  checkDatabase,
  isHybridStoreError,
  openCheckedDatabase,
  quarantineDatabase,
  scheduleCheckpoints,
  silentLogger,
} from '../src/index.ts';

const root = mkdtempSync(join(tmpdir(), 'hybridstore-checked-'));
after(() => rmSync(root, { recursive: true }));

const migrations = [
  `create table parents (id integer primary key, name text not null unique, weight real, content blob) strict;
   create table children (parent integer not null references parents on delete cascade, position integer not null,
     primary key (parent, position)) strict, without rowid;`,
];

function open(folder: string, options: Partial<CheckedDatabaseOptions> = {}): DatabaseSync {
  return openCheckedDatabase({
    folder,
    name: 'x.sqlite',
    migrations,
    ledgerSince: 1,
    journal: 'rollback',
    synchronous: 'full',
    busyTimeoutMs: 100,
    ...options,
  });
}

function newFolder(): string {
  return mkdtempSync(join(root, 'folder-'));
}

function refusal(task: () => DatabaseSync): string {
  try {
    task().close();
    return 'opened';
  } catch (error) {
    if (!isHybridStoreError(error, 'corrupt')) throw error;
    return error.message;
  }
}

const names = (database: DatabaseSync) =>
  database
    .prepare('select name from parents order by name')
    .all()
    .map((row) => row['name']);

describe('a checked database', () => {
  it('opens again after changes of every kind', () => {
    const folder = newFolder();
    const first = open(folder);
    first.exec(`
      insert into parents values (1, 'a', 0.5, x'00ff'), (2, 'b', null, null), (9007199254740993, 'c', 1.0, x''), (-1, 'ü' || char(0), -0.0, null);
      insert into children values (1, 1), (1, 2), (2, 1), (2, 2);
      insert or replace into parents values (1, 'a', 7.25, null);
      insert into parents values (2, 'b', 1, null) on conflict do update set weight = excluded.weight + 1;
      update parents set name = name || '!', id = id + 10 where id = -1;
      update children set position = position + 5 where parent = 2;
      delete from parents where id = 2;
      begin; delete from parents; rollback;`);
    assert.deepEqual({ ...first.prepare('select count(*) as n from children').get() }, { n: 0 });
    first.close();
    const second = open(folder);
    assert.deepEqual(names(second), ['a', 'c', 'ü\0!']);
    second.close();
  });

  it('refuses a flipped bit in a text, which SQLite takes for a good text', () => {
    const folder = newFolder();
    const database = open(folder);
    database.exec("insert into parents values (1, 'reader of some', null, null)");
    database.close();
    const path = join(folder, 'x.sqlite');
    const bytes = readFileSync(path);
    for (let at = bytes.indexOf('reader'); at >= 0; at = bytes.indexOf('reader', at + 1)) bytes[at] = 'R'.charCodeAt(0);
    writeFileSync(path, bytes);
    assert.equal(
      refusal(() => open(folder)),
      'x.sqlite is damaged: table parents: expected 1 rows as they were written, found 1 others',
    );
  });

  it('refuses another schema than that of its version, and a newer version', () => {
    const folder = newFolder();
    open(folder).close();
    const other = [(migrations[0] ?? '').replace('weight real', 'weight real default 1')];
    assert.match(
      refusal(() => open(folder, { migrations: other })),
      /its tables are not those of its version/,
    );
    open(folder, { migrations: [...migrations, 'create table more (id integer primary key) strict'] }).close();
    assert.throws(() => open(folder), { code: 'conflict', message: 'x.sqlite: expected at most version 1, found 2' });
  });

  it('counts the rows of a table that a later version brings', () => {
    const folder = newFolder();
    const first = open(folder);
    first.exec("insert into parents values (1, 'a', 0.5, null)");
    first.close();
    const later = [...migrations, "alter table parents add column color text not null default 'red'"];
    const second = open(folder, { migrations: later });
    second.exec("insert into parents (id, name) values (2, 'b')");
    second.close();
    const third = open(folder, { migrations: later });
    assert.deepEqual(names(third), ['a', 'b']);
    third.close();
  });

  it('is never there without its tables', () => {
    const folder = newFolder();
    assert.throws(() => open(folder, { migrations: ['create table t (id integer', ...migrations] }));
    assert.equal(existsSync(join(folder, 'x.sqlite')), false);
    open(folder).close();
    assert.deepEqual(readdirSync(folder), ['x.sqlite']);
  });

  it('lets nothing be written past its ledger', () => {
    const folder = newFolder();
    const database = open(folder);
    database.exec("insert into parents values (1, 'a', null, null); update ledger set rows = 2 where name = 'parents'");
    database.close();
    assert.match(
      refusal(() => open(folder)),
      /table parents: expected 2 rows/,
    );
  });
});

/** The files of a process that was killed with commits in its write-ahead log. */
function killedWithLog(): { readonly folder: string; readonly log: Buffer } {
  const folder = newFolder();
  const database = open(folder, { journal: 'wal' });
  for (let id = 1; id <= 4; id += 1)
    database.exec(
      `insert into parents values (${id}, 'name ${id}', null, null); insert into children values (${id}, 1)`,
    );
  const copy = newFolder();
  for (const name of ['x.sqlite', 'x.sqlite-wal']) copyFileSync(join(folder, name), join(copy, name));
  database.close();
  return { folder: copy, log: readFileSync(join(copy, 'x.sqlite-wal')) };
}

describe('a write-ahead log', () => {
  it('of a killed process is read whole', () => {
    const { folder } = killedWithLog();
    const database = open(folder, { journal: 'wal' });
    assert.equal(names(database).length, 4);
    assert.equal(statSync(join(folder, 'x.sqlite-wal')).size, 0);
    database.close();
  });

  it('with one flipped bit anywhere is refused', (context) => {
    const { folder, log } = killedWithLog();
    const path = join(folder, 'x.sqlite-wal');
    let flips = 0;
    for (let at = 0; at < log.length; at += at < 64 ? 1 : 64) {
      const flipped = Buffer.from(log);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (flips & 7));
      writeFileSync(path, flipped);
      assert.match(
        refusal(() => open(folder, { journal: 'wal' })),
        /its write-ahead log is broken/,
        `byte ${at}`,
      );
      flips += 1;
    }
    reportDamage(context, [{ file: 'SQLite WAL', damage: 'flip', right: 0, refused: flips, wrong: 0 }]);
    assert.ok(flips > 500, String(flips));
    writeFileSync(path, log);
    assert.equal(
      refusal(() => open(folder, { journal: 'wal' })),
      'opened',
    );
  });

  it('with a torn end gives what is before it where that is asked for', () => {
    const { folder, log } = killedWithLog();
    writeFileSync(join(folder, 'x.sqlite-wal'), log.subarray(0, log.length - 100));
    assert.match(
      refusal(() => open(folder, { journal: 'wal' })),
      /its write-ahead log is broken/,
    );
    const database = open(folder, { journal: 'torn-wal' });
    assert.equal(names(database).length, 4);
    assert.deepEqual({ ...database.prepare('select count(*) as n from children').get() }, { n: 3 });
    database.close();
  });

  it('holds one generation only, also after SQLite began it anew by itself', () => {
    const folder = newFolder();
    const database = open(folder, { journal: 'wal' });
    database.exec('pragma wal_autocheckpoint = 10');
    for (let id = 1; id <= 30; id += 1) {
      database.exec(`insert into parents values (${id}, 'name ${id}', null, zeroblob(${id % 7} * 1000))`);
      const copy = newFolder();
      for (const name of ['x.sqlite', 'x.sqlite-wal']) copyFileSync(join(folder, name), join(copy, name));
      const opened = open(copy, { journal: 'wal' });
      assert.equal(names(opened).length, id);
      opened.close();
    }
    database.close();
  });

  it('goes into its database once a minute', async () => {
    const folder = newFolder();
    const clock = new FakeClock();
    const database = open(folder, { journal: 'wal' });
    const stop = scheduleCheckpoints(database, clock, silentLogger);
    const logBytes = () => statSync(join(folder, 'x.sqlite-wal')).size;
    for (const id of [1, 2]) {
      database.exec(`insert into parents values (${id}, 'name ${id}', null, null)`);
      assert.ok(logBytes() > 0);
      await clock.advance(60_000);
      assert.equal(logBytes(), 0);
    }
    stop();
    database.close();
  });
});

describe('a database that is set aside', () => {
  it('keeps what is beside it, and those that were set aside before', () => {
    const folder = newFolder();
    for (let round = 0; round < 10; round += 1) {
      writeFileSync(join(folder, 'x.sqlite'), `database ${round}`);
      writeFileSync(join(folder, 'x.sqlite-wal'), `log ${round}`);
      quarantineDatabase(folder, 'x.sqlite');
    }
    assert.equal(readdirSync(folder).length, 16);
    assert.equal(readFileSync(join(folder, 'x.sqlite.unusable'), 'utf8'), 'database 0');
    assert.equal(readFileSync(join(folder, 'x.sqlite.unusable.6-wal'), 'utf8'), 'log 6');
    assert.equal(readFileSync(join(folder, 'x.sqlite.unusable.7'), 'utf8'), 'database 9');
  });
});

describe('a look at a database that changes nothing', () => {
  const rowsOf = (database: DatabaseSync) =>
    JSON.stringify([
      database.prepare('select * from parents order by id').all(),
      database.prepare('select * from children order by parent, position').all(),
    ]);

  function fill(database: DatabaseSync): void {
    for (let id = 0; id < 40; id += 1) {
      database.prepare('insert into parents values (?, ?, ?, ?)').run(id, `name ${id}`, id / 3, null);
      database.prepare('insert into children values (?, ?)').run(id, id % 5);
    }
  }

  it('finds every flip that costs a row, and says no more than a start does', () => {
    const folder = newFolder();
    const database = open(folder);
    fill(database);
    const rows = rowsOf(database);
    database.close();
    const path = join(folder, 'x.sqlite');
    const whole = readFileSync(path);
    const counts = { damaged: 0, whole: 0 };
    for (let byte = 0; byte < whole.length; byte += 53) {
      const flipped = Buffer.from(whole);
      flipped[byte]! ^= 1 << (byte % 8);
      writeFileSync(path, flipped);
      const { damage } = checkDatabase(folder, { name: 'x.sqlite', journal: 'rollback' });
      assert.ok(readFileSync(path).equals(flipped), `byte ${byte}: the file is as it was`);
      counts[damage === undefined ? 'whole' : 'damaged'] += 1;
      const answer = refusal(() => {
        const opened = open(folder);
        if (damage === undefined) assert.equal(rowsOf(opened), rows, `byte ${byte}`);
        return opened;
      });
      if (damage !== undefined) assert.match(answer, /^x\.sqlite is damaged: /, `byte ${byte}`);
      else assert.match(answer, /^opened$|its tables are not those of its version$/, `byte ${byte}`);
    }
    assert.ok(counts.damaged > 50 && counts.whole > 50, JSON.stringify(counts));
  });

  it('takes along what is only in the log of a process that runs, and leaves all of it where it is', () => {
    const folder = newFolder();
    const database = open(folder, { journal: 'wal' });
    fill(database);
    const parts = readdirSync(folder);
    const before = parts.map((name) => readFileSync(join(folder, name)).toString('hex'));
    assert.ok(statSync(join(folder, 'x.sqlite-wal')).size > 0);
    const { damage, hasLedger } = checkDatabase(folder, { name: 'x.sqlite', journal: 'wal' });
    assert.deepEqual([damage, hasLedger], [undefined, true]);
    assert.deepEqual(readdirSync(folder), parts);
    assert.deepEqual(
      parts.map((name) => readFileSync(join(folder, name)).toString('hex')),
      before,
    );
    database.close();
  });

  it('says that a database is not there, and of one of before that it has no ledger', () => {
    assert.throws(() => checkDatabase(newFolder(), { name: 'x.sqlite', journal: 'wal' }), {
      code: 'not_found',
      message: 'x.sqlite is not there',
    });
    const folder = newFolder();
    open(folder, { ledgerSince: 2 }).close();
    const { damage, hasLedger } = checkDatabase(folder, { name: 'x.sqlite', journal: 'rollback' });
    assert.deepEqual([damage, hasLedger], [undefined, false]);
  });
});
