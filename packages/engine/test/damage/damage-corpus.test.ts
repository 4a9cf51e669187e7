import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { createSharedWriter } from '../engine-fixture.ts';
import { runDamageCorpus } from './damage-corpus.ts';

/** The crash suite asks for more. */
const flipsPerKind = Number(process.env['HYBRIDSTORE_CRASH_BUDGET'] ?? 6);
const seed = Number(process.env['HYBRIDSTORE_CRASH_SEED'] ?? 20_261_129);

const folder = createTemporaryFolder('damage');
mkdirSync(join(folder.path, 'spool'));
const segmentWriter = createSharedWriter(join(folder.path, 'spool'));
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
after(async () => {
  connection.closeSync();
  await segmentWriter.close();
  folder[Symbol.dispose]();
});

test('whatever is damaged on a data volume, the answer is exactly right or names the damaged file', async (context) => {
  const counts = await runDamageCorpus({ folder: folder.path, segmentWriter, connection, seed, flipsPerKind });
  for (const [kind, { right, named, wrong }] of counts)
    context.diagnostic(`${kind}: ${right} right, ${named} named, ${wrong.length} wrong`);
  assert.deepEqual(
    [...counts].flatMap(([kind, { wrong }]) => wrong.map((what) => `${kind}: ${what}`)),
    [],
  );
  for (const [kind, { right, named }] of counts) assert.ok(right + named >= flipsPerKind, kind);
});
