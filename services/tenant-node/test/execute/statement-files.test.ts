import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { type Disk, systemClock, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import { setIdleMs } from '../../src/execute/child/file-sets.ts';
import { lockedSettings } from '../../src/execute/child/session-settings.ts';
import { StatementFiles } from '../../src/execute/child/statement-files.ts';
import { UnguessableNames } from '../../src/execute/child/unguessable-names.ts';

const root = 'a3f09c';
const names = new UnguessableNames('secret');

describe('the files of the statements at work', () => {
  const folder = createTemporaryFolder('statement-files');
  const links = join(folder.path, 'executor', root);
  const salaries = join(folder.path, 'tables', 'hr', 'part-1.parquet');
  const sales = join(folder.path, 'tables', 'sales', 'part-1.parquet');

  before(async () => {
    for (const [path, rows] of [
      [salaries, "SELECT 'canary' AS doc"],
      [sales, 'SELECT 1 AS id'],
    ] as const) {
      mkdirSync(join(path, '..'), { recursive: true });
      const instance = await DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      await connection.run(`COPY (${rows}) TO '${path}' (FORMAT parquet)`);
      connection.closeSync();
      instance.closeSync();
    }
  });
  after(() => folder[Symbol.dispose]());

  it('stand in a private folder for as long as somebody uses them', async () => {
    const files = await StatementFiles.create({ disk: systemDisk, clock: systemClock, folder: links, names });
    assert.equal(statSync(links).mode & 0o777, 0o700);
    const first = await files.hold([view(sales)]);
    const second = await files.hold([view(sales), view(salaries)]);
    assert.deepEqual(second.views[0]?.files, first.views[0]?.files);
    assert.equal(readdirSync(join(links, 'open')).length, 2);
    await second.release();
    assert.equal(readdirSync(join(links, 'open')).length, 1);
    await first.release();
    assert.deepEqual(readdirSync(join(links, 'open')), []);
  });

  it('are there for everybody when many come and go at once', async () => {
    const files = await StatementFiles.create({
      disk: systemDisk,
      clock: systemClock,
      folder: join(folder.path, 'executor', 'many'),
      names,
    });
    await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        for (let round = 0; round < 10; round += 1) {
          const held = await files.hold([view(index % 2 === 0 ? sales : salaries), view(sales)]);
          for (const { path } of held.views.flatMap((each) => each.files)) assert.ok(statSync(path).isFile());
          await held.release();
        }
      }),
    );
    assert.deepEqual(readdirSync(join(folder.path, 'executor', 'many', 'open')), []);
  });

  it('are all let go when one of them is not there', async () => {
    const files = await StatementFiles.create({
      disk: systemDisk,
      clock: systemClock,
      folder: join(folder.path, 'executor', 'absent'),
      names,
    });
    await assert.rejects(files.hold([view(sales), view(`${sales}.gone`)]), { code: 'ENOENT' });
    assert.deepEqual(readdirSync(join(folder.path, 'executor', 'absent', 'open')), []);
  });

  describe('that are many, and read again and again', () => {
    const many = Array.from({ length: 5 }, (_, index) => join(folder.path, 'tables', 'sales', `many-${index}.parquet`));
    const clock = new FakeClock();
    let disk: Disk;
    let files: StatementFiles;
    let root: string;
    let next = 0;
    const list = (place: string) => readdirSync(join(root, place));
    const turnsOf = async (count: number) => {
      for (let turn = 0; turn < count; turn += 1) await (await files.hold([viewOf(many)])).release();
    };

    before(() => {
      for (const path of many) copyFileSync(sales, path);
    });
    beforeEach(async () => {
      root = join(folder.path, 'executor', `sets-${next++}`);
      disk = { ...systemDisk };
      files = await StatementFiles.create({ disk, clock, folder: root, names });
    });

    it('keep their links where the engine may not open them, under the same names each time', async () => {
      const first = await files.hold([viewOf(many)]);
      assert.equal(list('open').length, many.length);
      await first.release();
      assert.deepEqual([list('open'), list('kept')], [[], []]);
      const second = await files.hold([viewOf(many)]);
      const [set] = list('open');
      assert.deepEqual(
        second.views[0]?.files.map((file) => file.path),
        many.map((_, index) => join(root, 'open', set!, `${index}.parquet`)),
      );
      for (const [index, { path }] of second.views[0]!.files.entries())
        assert.equal(statSync(path).ino, statSync(many[index]!).ino);
      await second.release();
      assert.deepEqual([list('open'), list('kept')], [[], [set]]);
      const third = await files.hold([viewOf(many)]);
      assert.deepEqual(third.views, second.views);
      assert.deepEqual([list('open'), list('kept')], [[set], []]);
      await third.release();
    });

    it('stay open until the last of their statements leaves', async () => {
      await turnsOf(2);
      const [first, second] = [await files.hold([viewOf(many)]), await files.hold([viewOf(many)])];
      await first.release();
      assert.equal(list('open').length, 1);
      const third = files.hold([viewOf(many)]);
      await Promise.all([second.release(), third]);
      assert.equal(list('open').length, 1);
      await (await third).release();
      assert.deepEqual(list('open'), []);
    });

    it('are there for everybody when many come and go at once', async () => {
      await Promise.all(
        Array.from({ length: 32 }, async (_, index) => {
          for (let round = 0; round < 10; round += 1) {
            const held = await files.hold([viewOf(index % 2 === 0 ? many : many.slice(1)), viewOf(many)]);
            for (const { path } of held.views.flatMap((each) => each.files)) assert.ok(statSync(path).isFile());
            await held.release(index % 7 === 0);
          }
        }),
      );
      assert.deepEqual(list('open'), []);
    });

    it('go a minute after their last use, or with the last one who could not read them', async () => {
      await turnsOf(3);
      await clock.advance(setIdleMs - 1);
      await turnsOf(1);
      await clock.advance(1);
      assert.equal(list('kept').length, 1);
      const removed = Promise.withResolvers<void>();
      disk.removeFolder = async (path) => {
        await systemDisk.removeFolder(path);
        removed.resolve();
      };
      await clock.advance(2 * setIdleMs);
      await removed.promise;
      await new Promise(setImmediate);
      assert.deepEqual(list('kept'), []);
      // So seldom, they are linked one by one.
      await turnsOf(1);
      assert.deepEqual(list('kept'), []);
      const damaged = await files.hold([viewOf(many)]);
      await damaged.release(true);
      assert.deepEqual([list('open'), list('kept')], [[], []]);
      // A file that was put in the place of the damaged one is what the next statement reads.
      const [replaced = ''] = many;
      unlinkSync(replaced);
      copyFileSync(salaries, replaced);
      const held = await files.hold([viewOf(many)]);
      assert.equal(statSync(held.views[0]?.files[0]?.path ?? '').ino, statSync(replaced).ino);
      await held.release();
    });

    it('are as many as is allowed, the ones used last', async () => {
      for (let index = 0; index < 70; index += 1) {
        const others = [...many, join(folder.path, 'tables', 'sales', `one-${index}.parquet`)];
        copyFileSync(sales, others.at(-1)!);
        for (let turn = 0; turn < 2; turn += 1) {
          await clock.advance(1);
          await (await files.hold([viewOf(others)])).release();
        }
      }
      while (list('kept').length > 64) await new Promise(setImmediate);
      assert.equal(list('kept').length, 64);
    });

    it('are linked one by one where no folder can be made, and let go when one is not there', async () => {
      await turnsOf(1);
      const fails = {
        ...systemDisk,
        createFolder: async () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })),
      };
      const full = await StatementFiles.create({ disk: systemDisk, clock, folder: `${root}-full`, names });
      const tight = await StatementFiles.create({ disk, clock, folder: `${root}-tight`, names });
      await (await tight.hold([viewOf(many)])).release();
      Object.assign(disk, fails);
      const held = await tight.hold([viewOf(many)]);
      for (const { path } of held.views[0]!.files) assert.ok(statSync(path).isFile());
      await held.release();
      for (let turn = 0; turn < 3; turn += 1)
        await assert.rejects(full.hold([viewOf([...many, `${sales}.gone`])]), { code: 'ENOENT' });
      assert.deepEqual([readdirSync(`${root}-full/open`), readdirSync(`${root}-full/kept`)], [[], []]);
    });

    it('of no statement at work are out of reach of a text that meets no gate and knows their names', async () => {
      await turnsOf(2);
      const salariesOnly = Array.from({ length: 4 }, (_, index) =>
        join(folder.path, 'tables', 'hr', `s-${index}.parquet`),
      );
      for (const path of salariesOnly) copyFileSync(salaries, path);
      let set = '';
      for (let turn = 0; turn < 3; turn += 1) {
        const held = await files.hold([viewOf(salariesOnly)]);
        set = held.views[0]?.files[0]?.path.split('/').at(-2) ?? '';
        await held.release();
      }
      const held = await files.hold([viewOf(many)]);
      const instance = await DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      const options = { filesFolder: files.openFolder, secret: '', memoryLimit: '256MB', threads: 1 };
      for (const setting of lockedSettings(options)) await connection.run(setting);
      for (const text of [
        `SELECT * FROM read_parquet('${root}/kept/${set}/0.parquet')`,
        `SELECT * FROM "${root}/kept/${set}/0.parquet"`,
        `SELECT * FROM read_parquet('${root}/open/../kept/${set}/0.parquet')`,
        `SELECT * FROM read_parquet('${root}/open/${set}/0.parquet')`,
        `SELECT * FROM read_parquet('${root}/kept/*/*.parquet')`,
        `SELECT * FROM read_parquet('${root}/*/*/*.parquet')`,
        `SELECT * FROM glob('${root}/kept/**')`,
        `COPY (SELECT 1) TO '${root}/kept/x.parquet'`,
      ])
        await assert.rejects(connection.runAndReadAll(text), /Permission|does not exist|No files found/, text);
      const seen = await connection.runAndReadAll(
        `SELECT file FROM glob(current_setting('allowed_directories')[1] || '**')`,
      );
      assert.equal(seen.getRows().length, many.length);
      await held.release();
      connection.closeSync();
      instance.closeSync();
    });
  });

  /** What a text could ask of the engine if no gate stood before it. */
  const ungated = [
    `SELECT * FROM "${join(folder.path, 'tables')}/hr/*.parquet"`,
    `SELECT * FROM read_parquet('${salaries}')`,
    `SELECT * FROM "${join(folder.path, 'tables')}/*/*.parquet"`,
    `SELECT * FROM "${join(folder.path, 'executor')}/*/*.parquet"`,
    `SELECT * FROM "${join(folder.path, 'executor')}/**/*.parquet"`,
    `SELECT * FROM "${join(folder.path, 'executor', 'x')}/../${root}/*.parquet"`,
    `SELECT * FROM glob('${join(folder.path, 'executor')}/*')`,
    `SELECT content FROM read_text('${folder.path}/**')`,
    `WITH RECURSIVE "${salaries}"(doc) AS (SELECT '' UNION ALL SELECT doc FROM "${salaries}" UNION ALL SELECT '') SELECT * FROM "${salaries}"`,
  ];
  for (const text of ungated) {
    it(`are out of reach of ${text.replaceAll(folder.path, '')}`, async () => {
      const files = await StatementFiles.create({ disk: systemDisk, clock: systemClock, folder: links, names });
      const held = await files.hold([view(salaries)]);
      const instance = await DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      const options = { filesFolder: files.openFolder, secret: '', memoryLimit: '256MB', threads: 1 };
      for (const setting of lockedSettings(options)) await connection.run(setting);
      await assert.rejects(connection.runAndReadAll(text), /Permission|does not exist|No files found/);
      // The same engine reads what its statement was given.
      const own = held.views[0]?.files[0]?.path ?? '';
      const reader = await connection.runAndReadAll(`SELECT doc FROM read_parquet('${own}')`);
      assert.deepEqual(reader.getRows(), [['canary']]);
      await held.release();
      connection.closeSync();
      instance.closeSync();
    });
  }
});

function view(path: string) {
  return viewOf([path]);
}

function viewOf(paths: readonly string[]) {
  return {
    name: '_s0',
    source: 'hr',
    columns: [],
    files: paths.map((path) => ({ path, partition: {} })),
    hasAbsentColumns: false,
    bounds: [],
    fresh: [],
  };
}
