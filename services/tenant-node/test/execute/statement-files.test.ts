import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
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
    const files = await StatementFiles.create({ disk: systemDisk, folder: links, names });
    assert.equal(statSync(links).mode & 0o777, 0o700);
    const first = await files.hold([view(sales)]);
    const second = await files.hold([view(sales), view(salaries)]);
    assert.deepEqual(second.views[0]?.files, first.views[0]?.files);
    assert.equal(readdirSync(links).length, 2);
    await second.release();
    assert.equal(readdirSync(links).length, 1);
    await first.release();
    assert.deepEqual(readdirSync(links), []);
  });

  it('are there for everybody when many come and go at once', async () => {
    const files = await StatementFiles.create({
      disk: systemDisk,
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
    assert.deepEqual(readdirSync(join(folder.path, 'executor', 'many')), []);
  });

  it('are all let go when one of them is not there', async () => {
    const files = await StatementFiles.create({
      disk: systemDisk,
      folder: join(folder.path, 'executor', 'absent'),
      names,
    });
    await assert.rejects(files.hold([view(sales), view(`${sales}.gone`)]), { code: 'ENOENT' });
    assert.deepEqual(readdirSync(join(folder.path, 'executor', 'absent')), []);
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
      const files = await StatementFiles.create({ disk: systemDisk, folder: links, names });
      const held = await files.hold([view(salaries)]);
      const instance = await DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      const options = { filesFolder: links, secret: '', memoryLimit: '256MB', threads: 1 };
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
  return {
    name: '_s0',
    source: 'hr',
    columns: [],
    files: [{ path, partition: {} }],
    hasAbsentColumns: false,
    bounds: [],
    fresh: [],
  };
}
