import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { createTemporaryFolder, reportDamage } from '@hybridstore/test-kit';
import { createSharedWriter } from '../engine-fixture.ts';
import { runDamageCorpus } from './damage-corpus.ts';

/** The crash suite asks for more. */
const flipsPerKind = Math.ceil(Number(process.env['HYBRIDSTORE_CRASH_BUDGET'] ?? 0.075) * 40);
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
  const { counts, wrong } = await runDamageCorpus({
    folder: folder.path,
    segmentWriter,
    connection,
    seed,
    flipsPerKind,
  });
  reportDamage(context, counts.values());
  assert.deepEqual(wrong, []);
  const flips = [...counts.values()].filter(({ damage }) => damage === 'flip');
  assert.deepEqual(
    flips.map(({ right, refused }) => right + refused),
    Array(5).fill(flipsPerKind),
  );
});
