import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildGeneratedFiles } from '../../scripts/generate/all.ts';
import { findStale } from '../../scripts/generate/generated-file.ts';

it('every generated file holds what its sources say', () => {
  const files = buildGeneratedFiles();
  assert.ok(files.length > 15);
  assert.deepEqual(findStale(fileURLToPath(new URL('../..', import.meta.url)), files), []);
});
