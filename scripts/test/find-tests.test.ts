import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { findTests, shareProcesses, sharing } from '../find-tests.ts';

const root = mkdtempSync(join(tmpdir(), 'hybridstore-find-tests-'));
after(() => rmSync(root, { recursive: true, force: true }));

for (const file of [
  'packages/engine/test/log.test.ts',
  'packages/engine/test/deep/memory.test.ts',
  'packages/engine/src/engine.ts',
  'packages/engine/node_modules/other/other.test.ts',
  'packages/sql/test/bind.test.ts',
  'packages/plain/src/plain.ts',
  'services/tenant-node/test/node/slow.test.ts',
  'tests/e2e/main.test.ts',
]) {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), '');
}
const engine = ['packages/engine/test/deep/memory.test.ts', 'packages/engine/test/log.test.ts'];
const sql = ['packages/sql/test/bind.test.ts'];
const filesAt = (...places: string[]) => {
  const { files, missing } = findTests(root, places);
  assert.deepEqual(missing, []);
  return files;
};

describe('the tests at a place', () => {
  it('are those of a folder, however it is written', () => {
    for (const place of ['packages/engine', 'packages/engine/', './packages/engine', 'packages/engine/test/'])
      assert.deepEqual(filesAt(place), engine, place);
    assert.deepEqual(filesAt(join(root, 'packages/engine')), engine);
  });

  it('are one file, or those that a pattern matches', () => {
    assert.deepEqual(filesAt('packages/engine/test/log.test.ts'), [engine[1]]);
    assert.deepEqual(filesAt('packages/*'), [...engine, ...sql]);
    assert.deepEqual(filesAt('packages/{engine,sql}/'), [...engine, ...sql]);
    assert.deepEqual(filesAt('packages/**/*o*.test.ts'), engine);
  });

  it('are each named once, when several places hold it', () => {
    assert.deepEqual(filesAt('packages/sql', 'packages/engine', 'packages/sql/test/bind.test.ts'), [...engine, ...sql]);
  });

  it('begin with the longest', () => {
    assert.deepEqual(filesAt('.'), [
      'tests/e2e/main.test.ts',
      'services/tenant-node/test/node/slow.test.ts',
      ...engine,
      ...sql,
    ]);
  });

  it('are missing at a wrong name, in a folder without tests, in a file that is none, and outside of the repository', () => {
    const wrong = ['packages/engin', 'packages/plain', 'packages/engine/src/engine.ts', 'cli/x.test.ts', '..', '/tmp'];
    assert.deepEqual(findTests(root, [...wrong, 'packages/sql']), { files: sql, missing: wrong });
  });
});

describe('tests that share a process', () => {
  it('are imported by one entry for their workspace, behind the longest ones; the others are processes of their own', () => {
    const [workspace = ''] = sharing;
    const files = [
      'tests/e2e/main.test.ts',
      'packages/engine/test/log.test.ts',
      `${workspace}/test/a.test.ts`,
      `${workspace}/test/b.test.ts`,
      'packages/plan/test/only.test.ts',
    ];
    const entry = join(root, 'cache', `${workspace}.mjs`);
    assert.deepEqual(shareProcesses(root, files, join(root, 'cache')), [
      'tests/e2e/main.test.ts',
      entry,
      'packages/plan/test/only.test.ts',
      'packages/engine/test/log.test.ts',
    ]);
    const imports = readFileSync(entry, 'utf8').match(/test\/[ab]\.test\.ts/g);
    assert.deepEqual(imports, ['test/a.test.ts', 'test/b.test.ts']);
  });
});
