import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Environment, HybridStoreError } from '@hybridstore/runtime';
import { readConfig } from '../src/config.ts';

test('without variables the documented defaults hold', () => {
  assert.deepEqual(readConfig(new Environment({})), {
    catalogUrl: 'http://metadata-catalog:8083',
    statisticsAgeMsMax: 30 * 60_000,
    isLearning: true,
    schemaAgeMsMax: 300_000,
    plansMax: 5,
  });
});

const settings: readonly [string, string, (config: ReturnType<typeof readConfig>) => unknown, unknown][] = [
  ['METADATA_CATALOG_URL', 'http://other:1/', (config) => config.catalogUrl, 'http://other:1'],
  ['STATISTICS_REFRESH_INTERVAL', '2', (config) => config.statisticsAgeMsMax, 120_000],
  ['COST_MODEL_LEARNING_ENABLED', 'false', (config) => config.isLearning, false],
  ['QUERY_CACHE_TTL', '0', (config) => config.schemaAgeMsMax, 0],
  ['MAX_EXECUTION_PLANS', '1', (config) => config.plansMax, 1],
];

for (const [name, value, read, expected] of settings)
  test(`${name}=${value} is taken`, () => {
    assert.deepEqual(read(readConfig(new Environment({ [name]: value }))), expected);
  });

const wrong: readonly [string, string][] = [
  ['METADATA_CATALOG_URL', 'metadata-catalog:8083'],
  ['STATISTICS_REFRESH_INTERVAL', '0'],
  ['COST_MODEL_LEARNING_ENABLED', 'maybe'],
  ['QUERY_CACHE_TTL', '-1'],
  ['MAX_EXECUTION_PLANS', '65'],
];

for (const [name, value] of wrong)
  test(`${name}=${value} is refused by name`, () => {
    assert.throws(
      () => readConfig(new Environment({ [name]: value })),
      (error) => error instanceof HybridStoreError && error.details['variable'] === name,
    );
  });
