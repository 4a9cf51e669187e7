import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SourceDefinition } from '@hybridstore/contracts';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { createSharedWriter, filesOf, openEngine, tableFolder } from '../engine-fixture.ts';

const root = createTemporaryFolder('older');
mkdirSync(join(root.path, 'spool'));
const segmentWriter = createSharedWriter(join(root.path, 'spool'));
after(async () => {
  await segmentWriter.close();
  root[Symbol.dispose]();
});

const numbers: SourceDefinition = { source_id: 'numbers', columns: [{ name: 'n', type: 'bigint' }] };

/** The table as a node of before the checksums would have left it. */
function forgetChecksums(folder: string): void {
  const table = tableFolder(folder, 'numbers');
  const pointer = join(table, '../table.json');
  writeFileSync(pointer, readFileSync(pointer, 'utf8').replace(/,"sha256":"[^"]*"/, ''));
  const log = join(table, '_delta_log');
  for (const name of readdirSync(log).filter((found) => found.endsWith('.json'))) {
    const text = readFileSync(join(log, name), 'utf8');
    const bare = text.replace(/,"hybridstoreSha256":"[^"]*"/, '').replaceAll(/,"tags":\{[^}]*\}/g, '');
    assert.ok(bare.length < text.length);
    writeFileSync(join(log, name), bare);
  }
}

test('a table of before the checksums is read as it was, and a compaction gives its rows theirs', async () => {
  const folder = join(root.path, 'read');
  const engine = await openEngine(folder, { segmentWriter });
  await engine.putSource(numbers);
  for (const n of [1, 2]) {
    await engine.append({ sourceId: 'numbers', records: [{ fields: { n } }] });
    await engine.flush('numbers');
  }
  await engine.close();
  forgetChecksums(folder);
  const again = await openEngine(folder, { segmentWriter });
  const state = await again.snapshot('numbers');
  assert.equal((await filesOf(again, state)).length, 2);
  const before = await again.check('numbers');
  assert.deepEqual([before.problems, before.filesWithoutChecksum], [[], 2]);
  const groups = [{ paths: state.files.map((file) => file.path) }];
  await again.compact('numbers', { groups, file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
  const now = await again.check('numbers');
  assert.deepEqual([now.problems, now.filesWithoutChecksum], [[], 0]);
  assert.equal((await again.stats('numbers')).rows, 2);
  await again.close();
});

test('a file of before the checksums that has lost bytes is damaged all the same', async () => {
  const folder = join(root.path, 'short');
  const engine = await openEngine(folder, { segmentWriter });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: [{ fields: { n: 1 } }] });
  await engine.flush('numbers');
  const [file] = (await engine.snapshot('numbers')).files;
  await engine.close();
  forgetChecksums(folder);
  const path = join(tableFolder(folder, 'numbers'), file?.path ?? '');
  writeFileSync(path, readFileSync(path).subarray(0, 100));
  const again = await openEngine(folder, { segmentWriter });
  await assert.rejects(filesOf(again, await again.snapshot('numbers')), {
    code: 'corrupt',
    details: { source_id: 'numbers', file: file?.path },
  });
  await again.close();
});
