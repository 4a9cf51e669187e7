import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { FakeClock } from '@hybridstore/test-kit';
import {
  type CheckedDatabaseOptions,
  type Clock,
  DatabaseChecks,
  databaseCheckMsMax,
  isHybridStoreError,
  openCheckedDatabase,
  scheduleCheckpoints,
  silentLogger,
  systemClock,
} from '../src/index.ts';
import { checkServedDatabase } from '../src/served-database.ts';

const root = mkdtempSync(join(tmpdir(), 'hybridstore-served-'));
after(() => rmSync(root, { recursive: true }));

const name = 'x.sqlite';
const migrations = [
  `create table words (id integer primary key, word text not null, length integer not null) strict;
   create index words_by_length on words (length);`,
];
const journals = ['rollback', 'wal', 'torn-wal'] as const;
type Journal = (typeof journals)[number];

interface Served {
  readonly options: CheckedDatabaseOptions;
  readonly database: DatabaseSync;
  readonly checks: DatabaseChecks;
  readonly path: string;
  add(first: number, count: number): void;
  close(): Promise<void>;
}

function serve(
  journal: Journal,
  { clock = systemClock as Clock, busyTimeoutMs = 0, folder = newFolder() } = {},
): Served {
  const options: CheckedDatabaseOptions = {
    folder,
    name,
    migrations,
    ledgerSince: 1,
    journal,
    synchronous: 'normal',
    busyTimeoutMs,
  };
  const database = openCheckedDatabase(options);
  const checks = new DatabaseChecks({ database, options, clock, logger: silentLogger });
  const insert = database.prepare('insert into words values (?, ?, ?)');
  return {
    options,
    database,
    checks,
    path: join(folder, name),
    add: (first, count) => {
      database.exec('begin');
      for (let id = first; id < first + count; id += 1) insert.run(id, `word ${id} `.repeat(10), id % 7);
      database.exec('commit');
    },
    close: async () => {
      database.close();
      await checks.close();
    },
  };
}

function newFolder(): string {
  return mkdtempSync(join(root, 'folder-'));
}

/** The bytes of the file with one bit changed, and as they were when `work` is done. */
async function damaged<T>(path: string, at: number, work: () => Promise<T>): Promise<T> {
  const whole = readFileSync(path);
  const bytes = Buffer.from(whole);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
  try {
    return await work();
  } finally {
    writeFileSync(path, whole);
  }
}

function refusal(options: CheckedDatabaseOptions): string | undefined {
  try {
    openCheckedDatabase(options).close();
    return undefined;
  } catch (error) {
    if (!isHybridStoreError(error, 'corrupt')) throw error;
    return String(error.details['damage']);
  }
}

for (const journal of journals)
  describe(`a check of a served database with the journal ${journal}`, () => {
    it('finds nothing in a whole one, with what is only in its log, and leaves nothing behind', async () => {
      const served = serve(journal);
      served.add(0, 100);
      const checked = await served.checks.check();
      assert.deepEqual(checked, { file: name, bytes: statSync(served.path).size, has_ledger: true });
      assert.deepEqual(
        readdirSync(served.options.folder).filter((found) => !/^x\.sqlite(-wal|-shm|-journal)?$/.test(found)),
        [],
      );
      await served.close();
    });

    it('finds a flipped bit in a row, an index, a page, the header and the ledger, while the service answers', async () => {
      const served = serve(journal);
      served.add(0, 400);
      await served.checks.check();
      const file = readFileSync(served.path);
      const pageBytes = file.readUInt16BE(16);
      const indexRoot = Number(
        served.database.prepare("select rootpage from sqlite_schema where name = 'words_by_length'").get()?.[
          'rootpage'
        ],
      );
      const places = {
        row: file.lastIndexOf('word 399 '),
        index: (indexRoot - 1) * pageBytes + 5,
        page: pageBytes,
        magic: 3,
        'write version': 18,
        'read version': 19,
        version: 63,
        schema: file.indexOf('CREATE TRIGGER'),
      };
      for (const [what, at] of Object.entries(places)) {
        assert.ok(at > 0, what);
        const { damage } = await damaged(served.path, at, () => served.checks.check());
        assert.ok(damage !== undefined && !damage.includes(root), damage ?? what);
      }
      assert.equal((await served.checks.check()).damage, undefined);
      served.add(400, 1);
      await served.close();
    });

    it('says of each flip what the next start says', async () => {
      const served = serve(journal);
      served.add(0, 60);
      await served.checks.check();
      const { length } = readFileSync(served.path);
      const folder = newFolder();
      let [found, missed] = [0, 0];
      for (let at = 5; at < length; at += process.env['HYBRIDSTORE_CRASH_BUDGET'] ? 13 : 521) {
        const online = await damaged(served.path, at, async () => {
          writeFileSync(join(folder, name), readFileSync(served.path));
          const header = readFileSync(served.path).subarray(0, 100);
          return checkServedDatabase({ options: served.options, header });
        });
        const atStart = refusal({ ...served.options, folder });
        for (const left of readdirSync(folder)) rmSync(join(folder, left));
        assert.equal(online.damage === undefined, atStart === undefined, `byte ${at}: ${online.damage}, ${atStart}`);
        if (atStart === undefined) missed += 1;
        else found += 1;
      }
      assert.ok(found > 10, `${found} found, ${missed} in bytes that hold nothing`);
      await served.close();
    });

    it('finds a file that is gone or cut short', async () => {
      const served = serve(journal);
      served.add(0, 400);
      await served.checks.check();
      const whole = readFileSync(served.path);
      writeFileSync(served.path, whole.subarray(0, whole.length - 4_096));
      assert.notEqual((await served.checks.check()).damage, undefined);
      rmSync(served.path);
      assert.equal((await served.checks.check()).damage, 'it is missing');
      writeFileSync(served.path, whole);
      await served.close();
    });

    it('lets the service go on writing, and is of one moment all the same', async () => {
      // In a log writers wait for nobody; else for as long as a few pages are copied.
      const served = serve(journal, { busyTimeoutMs: journal === 'rollback' ? 60_000 : 0 });
      served.add(0, 40_000);
      let isOver = false;
      const checking = served.checks.check().finally(() => {
        isOver = true;
      });
      let id = 40_000;
      while (!isOver) {
        // Not so fast that a copy would have to begin anew each time.
        for (let turn = 0; turn < 2_000 && !isOver; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        served.add(id, 1);
        id += 1;
      }
      assert.equal((await checking).damage, undefined);
      assert.ok(id > 40_001, `${id - 40_000} rows meanwhile`);
      await served.close();
    });

    it('is refused while another one is under way, and may be asked for again afterwards', async () => {
      const served = serve(journal);
      const first = served.checks.check();
      await assert.rejects(served.checks.check(), { code: 'conflict', message: 'x.sqlite is being checked already' });
      await first;
      assert.equal((await served.checks.check()).damage, undefined);
      await served.close();
    });
  });

it('a flipped bit in a log that the service has not brought into its database yet is found', async () => {
  const served = serve('wal');
  served.add(0, 20);
  const path = `${served.path}-wal`;
  const wal = readFileSync(path);
  const at = wal.lastIndexOf('word 7 ');
  const { damage } = await damaged(path, at, async () => {
    const check = await served.checks.check();
    writeFileSync(path, Buffer.alloc(0));
    return check;
  });
  assert.match(damage ?? '', /^table words: expected 20 rows as they were written/);
  served.database.close();
  await served.checks.close();
});

it('a check that takes too long is given up, by name', async () => {
  const clock = new FakeClock();
  const served = serve('rollback', { clock });
  served.add(0, 1_000);
  const checking = served.checks.check();
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  const refused = assert.rejects(checking, { code: 'deadline_exceeded', message: /^x\.sqlite: the check took longer/ });
  await clock.advance(databaseCheckMsMax);
  await refused;
  await served.close();
});

it('a check ends with its service, and leaves no copy behind', async () => {
  const served = serve('rollback');
  served.add(0, 40_000);
  const refused = assert.rejects(served.checks.check(), { code: 'unavailable' });
  while (!existsSync(`${served.path}.checking`)) await new Promise((resolve) => setImmediate(resolve));
  await served.close();
  await refused;
  assert.ok(!existsSync(`${served.path}.checking`));
});

it('the copy that a killed process left is gone with the next start', async () => {
  const first = serve('rollback');
  const copy = `${first.path}.checking`;
  await first.close();
  writeFileSync(copy, 'half');
  const second = serve('rollback', { folder: first.options.folder });
  assert.ok(!existsSync(copy));
  await second.close();
});

it('the log is brought in beside a reader without waiting for it', async () => {
  // A wait would outlast the test.
  const served = serve('wal', { busyTimeoutMs: 3_600_000 });
  served.add(0, 10);
  const reader = new DatabaseSync(served.path, { readOnly: true });
  reader.exec('BEGIN');
  reader.prepare('select count(*) from words').get();
  served.add(10, 10);
  const clock = new FakeClock();
  const stop = scheduleCheckpoints(served.database, clock, silentLogger);
  await clock.advance(60_000);
  assert.ok(statSync(`${served.path}-wal`).size > 0);
  reader.close();
  await clock.advance(60_000);
  assert.equal(statSync(`${served.path}-wal`).size, 0);
  assert.equal(Object.values(served.database.prepare('PRAGMA busy_timeout').get() ?? {})[0], 3_600_000);
  stop();
  await served.close();
});
