import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Environment, HybridStoreError } from '@hybridstore/runtime';
import { readConfig } from '../src/config.ts';

test('without variables the documented defaults hold', () => {
  const config = readConfig(new Environment({}));
  assert.deepEqual(config.compaction, { enabled: true, intervalMinutes: 60, fileSizeMinMb: 50, fileSizeMaxMb: 512 });
  assert.equal(config.tenantUrlTemplate, 'http://hs-{name}.{namespace}.svc:8000');
  assert.equal(config.refreshIntervalMs, 60_000);
});

const wrong: readonly [string, string][] = [
  ['AUTO_COMPACTION_ENABLED', 'perhaps'],
  ['COMPACTION_INTERVAL_MINUTES', '0'],
  ['MIN_FILE_SIZE_MB', '513'],
  ['MAX_FILE_SIZE_MB', 'big'],
  ['TENANT_URL_TEMPLATE', 'http://node:8000'],
  ['TENANT_URL_TEMPLATE', 'file://{name}.{namespace}'],
  ['REFRESH_INTERVAL_SECONDS', '-1'],
  ['INDEX_CELLS_MAX', '1.5'],
];

for (const [name, value] of wrong)
  test(`${name}=${value} is refused by name`, () => {
    assert.throws(
      () => readConfig(new Environment({ [name]: value })),
      (error) => error instanceof HybridStoreError && error.details['variable'] === name,
    );
  });

test('a process that cannot start ends with one line that names the variable', () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const run = spawnSync(process.execPath, [main], { env: {}, encoding: 'utf8' });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^metadata-catalog cannot start: SERVICE_SECRET_FILE: expected a value, found nothing/);
  assert.equal(run.stderr.trim().split('\n').length, 1);
});
