import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Environment, HybridStoreError } from '@hybridstore/runtime';
import { readConfig } from '../src/config.ts';

const read = (variables: Readonly<Record<string, string>>) =>
  readConfig(new Environment({ TARGETS_FILE: 'targets.json', ...variables }));

test('beside the targets the documented defaults hold', () => {
  assert.deepEqual(read({}), {
    dataPath: './data',
    targetsFile: 'targets.json',
    intervalMs: 15_000,
    logRetentionMs: 7 * 86_400_000,
    logBytesMax: 2 ** 30,
    isPrometheusEnabled: true,
    isGrafanaEnabled: false,
  });
});

const settings: readonly [string, string, (config: ReturnType<typeof readConfig>) => unknown, unknown][] = [
  ['DATA_PATH', '/data', (config) => config.dataPath, '/data'],
  ['TARGETS_FILE', 'other.json', (config) => config.targetsFile, 'other.json'],
  ['METRICS_INTERVAL_SECONDS', '2.5', (config) => config.intervalMs, 2_500],
  ['LOG_RETENTION_DAYS', '0.5', (config) => config.logRetentionMs, 43_200_000],
  ['LOG_BYTES_MAX', '65536', (config) => config.logBytesMax, 65_536],
  ['PROMETHEUS_ENABLED', 'false', (config) => config.isPrometheusEnabled, false],
  ['GRAFANA_ENABLED', 'true', (config) => config.isGrafanaEnabled, true],
];

for (const [name, value, of, expected] of settings)
  test(`${name}=${value} is taken`, () => assert.deepEqual(of(read({ [name]: value })), expected));

const wrong: readonly [string, string][] = [
  ['TARGETS_FILE', ''],
  ['METRICS_INTERVAL_SECONDS', '0'],
  ['LOG_RETENTION_DAYS', 'long'],
  ['LOG_BYTES_MAX', '1024'],
  ['PROMETHEUS_ENABLED', 'on'],
  ['GRAFANA_ENABLED', '2'],
];

for (const [name, value] of wrong)
  test(`${name}=${value} is refused by name`, () => {
    assert.throws(
      () => read({ [name]: value }),
      (error) => error instanceof HybridStoreError && error.details['variable'] === name,
    );
  });
