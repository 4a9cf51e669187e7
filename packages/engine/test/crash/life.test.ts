import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createTemporaryFolder, reportDamage } from '@hybridstore/test-kit';
import { createSharedWriter } from '../engine-fixture.ts';
import { runLifeCorpus } from './life-corpus.ts';

/** The crash suite takes every second operation, those of the other half with another seed, and all with a budget of 2. */
const budget = Number(process.env['HYBRIDSTORE_CRASH_BUDGET'] ?? 0);
const every = budget === 0 ? 101 : budget === 1 ? 2 : 1;
const from = Number(process.env['HYBRIDSTORE_CRASH_SEED'] ?? 20_261_129) % every;
const only = process.env['HYBRIDSTORE_CRASH_CASE'];

const folder = createTemporaryFolder('life');
mkdirSync(join(folder.path, 'spool'));
const checkpointWriter = createSharedWriter(join(folder.path, 'spool'));
after(async () => {
  await checkpointWriter.close();
  folder[Symbol.dispose]();
});

test('whatever operation of the disk fails, or is the last one, no acknowledged row is lost or doubled', async (context) => {
  const { counts, wrong, operations } = await runLifeCorpus({ checkpointWriter, every, from, only });
  reportDamage(context, counts);
  assert.deepEqual(wrong, []);
  assert.ok(operations > 500);
});
