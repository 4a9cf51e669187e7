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

const settings: readonly [string, string, (config: ReturnType<typeof readConfig>) => unknown, unknown][] = [
  ['DATA_PATH', '/data', (config) => config.dataPath, '/data'],
  [
    'TENANT_URL_TEMPLATE',
    'http://{name}-{namespace}:3',
    (config) => config.tenantUrlTemplate,
    'http://{name}-{namespace}:3',
  ],
  ['AUTO_COMPACTION_ENABLED', 'false', (config) => config.compaction.enabled, false],
  ['COMPACTION_INTERVAL_MINUTES', '5', (config) => config.compaction.intervalMinutes, 5],
  ['MIN_FILE_SIZE_MB', '1.5', (config) => config.compaction.fileSizeMinMb, 1.5],
  ['MAX_FILE_SIZE_MB', '64', (config) => config.compaction.fileSizeMaxMb, 64],
  ['COMPACTION_TIMEOUT_SECONDS', '30', (config) => config.compactionMsMax, 30_000],
  ['COMPACTIONS_CONCURRENT_MAX', '2', (config) => config.compactionsConcurrentMax, 2],
  ['REFRESH_TIMEOUT_SECONDS', '7', (config) => config.refreshMsMax, 7_000],
  ['REFRESH_INTERVAL_SECONDS', '90', (config) => config.refreshIntervalMs, 90_000],
  ['INDEX_CELLS_MAX', '5000', (config) => config.indexCellsMax, 5_000],
];

for (const [name, value, read, expected] of settings)
  test(`${name}=${value} is taken`, () => {
    assert.deepEqual(read(readConfig(new Environment({ [name]: value }))), expected);
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
  ['COMPACTION_TIMEOUT_SECONDS', '0'],
  ['COMPACTIONS_CONCURRENT_MAX', '300'],
  ['REFRESH_TIMEOUT_SECONDS', 'soon'],
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
