import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openPrivateDatabase } from '../src/index.ts';

const root = mkdtempSync(join(tmpdir(), 'hybridstore-private-'));
after(() => rmSync(root, { recursive: true }));

const modeOf = (...path: readonly string[]) => statSync(join(root, ...path)).mode & 0o777;

test('a database, its folder and what SQLite puts beside it are for this user only', () => {
  const database = openPrivateDatabase(join(root, 'deep', 'data'), 'x.sqlite');
  database.exec('pragma journal_mode = wal; create table t (a integer)');
  assert.deepEqual([modeOf('deep'), modeOf('deep', 'data')], [0o700, 0o700]);
  for (const suffix of ['', '-wal', '-shm']) assert.equal(modeOf('deep', 'data', `x.sqlite${suffix}`), 0o600, suffix);
  database.close();
});

test('a database that others could open is closed to them, with what is beside it', () => {
  const first = openPrivateDatabase(join(root, 'older'), 'x.sqlite');
  first.exec('pragma journal_mode = wal; create table t (a integer)');
  for (const suffix of ['', '-wal', '-shm']) chmodSync(join(root, 'older', `x.sqlite${suffix}`), 0o644);
  const second = openPrivateDatabase(join(root, 'older'), 'x.sqlite');
  for (const suffix of ['', '-wal', '-shm']) assert.equal(modeOf('older', `x.sqlite${suffix}`), 0o600, suffix);
  second.close();
  first.close();
});

test('a folder that is there keeps its mode, and a database what is in it', () => {
  mkdirSync(join(root, 'mount'));
  chmodSync(join(root, 'mount'), 0o750);
  const first = openPrivateDatabase(join(root, 'mount'), 'x.sqlite');
  first.exec('create table t (a integer); insert into t values (7)');
  first.close();
  const second = openPrivateDatabase(join(root, 'mount'), 'x.sqlite', { readOnly: true });
  assert.deepEqual({ ...second.prepare('select a from t').get() }, { a: 7 });
  second.close();
  assert.equal(modeOf('mount'), 0o750);
});
