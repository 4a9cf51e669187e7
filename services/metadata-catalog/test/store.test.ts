import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { HybridStoreError } from '@hybridstore/runtime';
import { createTemporaryFolder, reportDamage } from '@hybridstore/test-kit';
import type { TableHead } from '../src/domain/ports.ts';
import { openDatabase } from '../src/store/open-database.ts';
import { SqliteCatalogStore } from '../src/store/sqlite-catalog-store.ts';
import { acme, testPolicy } from './test-catalog.ts';
import { testFile } from './test-files.ts';

const head = (tableVersion: number, schemaVersion = 1): TableHead => ({
  tenantId: acme,
  sourceId: 'events',
  definition: { source_id: 'events' },
  columns: [{ name: 'id', type: 'bigint' }],
  schemaVersion,
  tableVersion,
  committedAt: '2026-01-01T00:00:00.000Z',
  unflushedRows: {},
});

test('what was written is there after the database is opened again', async () => {
  using folder = createTemporaryFolder();
  const first = new SqliteCatalogStore(openDatabase(folder.path).database);
  await first.putTenant(acme, 'http://node');
  await first.replaceTable(head(3), [testFile('a', { partition: { day: null } })], 5);
  await first.putPolicy(testPolicy());
  await first.close();
  const opened = openDatabase(folder.path);
  const second = new SqliteCatalogStore(opened.database);
  assert.equal(opened.setAside, undefined);
  assert.deepEqual(await second.tenants(), [{ tenantId: acme, nodeUrl: 'http://node', lastRefreshAtMs: null }]);
  assert.deepEqual(await second.files(acme, 'events'), [testFile('a', { partition: { day: null } })]);
  assert.deepEqual(await second.policies(acme), [testPolicy()]);
  assert.equal((await second.source(acme, 'events'))?.tableVersion, 3);
  await second.close();
});

test('totals stay those of the files through any change', async () => {
  using folder = createTemporaryFolder();
  const store = new SqliteCatalogStore(openDatabase(folder.path).database);
  await store.replaceTable(head(1), [testFile('a', { rows: 3, bytes: 30 }), testFile('b', { rows: 4, bytes: 40 })], 1);
  await store.applyChange(
    head(2),
    { removed: ['a', 'never'], added: [testFile('b', { rows: 1, bytes: 10 }), testFile('c', { rows: 2, bytes: 20 })] },
    2,
  );
  const source = await store.source(acme, 'events');
  assert.deepEqual([source?.rows, source?.bytes, source?.files, source?.tableVersion], [3, 30, 2, 2]);
  assert.deepEqual(
    (await store.files(acme, 'events')).map((file) => file.path),
    ['b', 'c'],
  );
  assert.equal(await store.countFiles(acme, 'events', 20), 1);
  await store.close();
});

test('a change that fails in the middle leaves nothing of itself', async () => {
  using folder = createTemporaryFolder();
  const store = new SqliteCatalogStore(openDatabase(folder.path).database);
  await store.replaceTable(head(1), [testFile('a')], 1);
  const broken = { ...testFile('b'), rows: 1.5 };
  await assert.rejects(store.applyChange(head(2), { removed: ['a'], added: [broken] }, 2));
  assert.equal((await store.source(acme, 'events'))?.tableVersion, 1);
  assert.equal((await store.files(acme, 'events')).length, 1);
  await store.close();
});

test('a database that cannot be read is set aside and an empty one made', async () => {
  using folder = createTemporaryFolder();
  writeFileSync(
    `${folder.path}/catalog.sqlite`,
    'not a database, though it is long enough to be looked at'.repeat(100),
  );
  const { database, setAside } = openDatabase(folder.path);
  const store = new SqliteCatalogStore(database);
  assert.deepEqual(await store.tenants(), []);
  assert.deepEqual(setAside, {
    file: 'catalog.sqlite.unusable',
    reason: 'catalog.sqlite is damaged: file is not a database',
  });
  assert.match(readFileSync(`${folder.path}/catalog.sqlite.unusable`, 'utf8'), /^not a database/);
  await store.close();
});

test('a database of another version is set aside', async () => {
  using folder = createTemporaryFolder();
  const foreign = new DatabaseSync(`${folder.path}/catalog.sqlite`);
  foreign.exec('create table t (a integer); pragma user_version = 999');
  foreign.close();
  const { database, setAside } = openDatabase(folder.path);
  assert.ok(setAside !== undefined && existsSync(`${folder.path}/${setAside.file}`));
  database.close();
});

test('a new database is for this user only', () => {
  using folder = createTemporaryFolder();
  const { database } = openDatabase(`${folder.path}/data`);
  const modes = ['data', 'data/catalog.sqlite'].map((name) => statSync(`${folder.path}/${name}`).mode & 0o777);
  assert.deepEqual(modes, [0o700, 0o600]);
  database.close();
});

test('a folder that cannot be written is refused by the name of the variable', () => {
  using folder = createTemporaryFolder();
  writeFileSync(`${folder.path}/file`, '');
  assert.throws(
    () => openDatabase(`${folder.path}/file/data`),
    (error) => error instanceof HybridStoreError && error.details['variable'] === 'DATA_PATH',
  );
});

test('a declaration does not change a table that a node has reported', async () => {
  using folder = createTemporaryFolder();
  const store = new SqliteCatalogStore(openDatabase(folder.path).database);
  await store.replaceTable(head(1), [], 1);
  await store.declareSource(acme, { source_id: 'events', name: 'Declared' }, [{ name: 'other', type: 'string' }], 2);
  const source = await store.source(acme, 'events');
  assert.deepEqual([source?.definition, source?.isDeclared], [{ source_id: 'events' }, true]);
  assert.deepEqual(source?.columns, [{ name: 'id', type: 'bigint' }]);
  await store.close();
});

test('the history of compactions of a source is bounded, the last success is kept with the source', async () => {
  using folder = createTemporaryFolder();
  const store = new SqliteCatalogStore(openDatabase(folder.path).database);
  await store.replaceTable(head(1), [], 1);
  const counts = { files_before: 2, files_after: 1, bytes_before: 2, bytes_after: 2, table_version: 2 };
  for (let run = 1; run <= 250; run += 1)
    await store.recordRun({
      tenantId: acme,
      policyId: 'default/nightly',
      startedAtMs: run,
      endedAtMs: run,
      result: { source_id: 'events', state: run === 250 ? 'failed' : 'done', ...counts },
    });
  assert.equal(await store.countCompactions(acme), 199);
  assert.equal((await store.source(acme, 'events'))?.lastCompactionAt, '1970-01-01T00:00:00.249Z');
  await store.close();
});

/** The crash suite takes more. */
const every = process.env['HYBRIDSTORE_CRASH_BUDGET'] ? 53 : 211;

test('a database with one flipped bit is set aside, or answers as before', async (context) => {
  using folder = createTemporaryFolder();
  const original = `${folder.path}/original`;
  const first = new SqliteCatalogStore(openDatabase(original).database);
  await first.putTenant(acme, 'http://node');
  for (let version = 1; version <= 3; version += 1)
    await first.replaceTable(head(version), [testFile('a', { rows: version }), testFile('b')], version);
  await first.putPolicy(testPolicy());
  await first.close();
  const bytes = readFileSync(`${original}/catalog.sqlite`);
  const expected = await readAll(openDatabase(original).database);
  const counts = { same: 0, setAside: 0 };
  mkdirSync(`${folder.path}/copy`);
  for (let offset = 0; offset < bytes.length; offset += offset < 100 ? 3 : every) {
    const flipped = Buffer.from(bytes);
    flipped[offset] = (flipped[offset] ?? 0) ^ (1 << (offset & 7));
    writeFileSync(`${folder.path}/copy/catalog.sqlite`, flipped);
    const { database, setAside } = openDatabase(`${folder.path}/copy`);
    const answers = await readAll(database);
    if (setAside === undefined) assert.deepEqual(answers, expected, `byte ${offset}`);
    else assert.deepEqual(readFileSync(`${folder.path}/copy/${setAside.file}`), flipped);
    counts[setAside === undefined ? 'same' : 'setAside'] += 1;
    for (const name of readdirSync(`${folder.path}/copy`)) rmSync(`${folder.path}/copy/${name}`);
  }
  reportDamage(context, [{ file: 'catalog', damage: 'flip', right: counts.same, refused: counts.setAside, wrong: 0 }]);
  assert.ok(counts.same > 100 && counts.setAside > 50);
});

async function readAll(database: DatabaseSync): Promise<unknown> {
  const store = new SqliteCatalogStore(database);
  const all = [
    await store.tenants(),
    await store.sources(acme),
    await store.files(acme, 'events'),
    await store.policies(),
  ];
  await store.close();
  return all;
}
