import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Environment, HybridStoreError } from '@hybridstore/runtime';
import { readConfig } from '../src/config.ts';

test('without variables the documented defaults hold', () => {
  assert.deepEqual(readConfig(new Environment({})), {
    catalogUrl: 'http://metadata-catalog:8083',
    tenantUrlTemplate: 'http://hs-{name}.{namespace}.svc:8000',
    parsingMsMax: 30_000,
    parserThreads: 2,
    cachedPlansMax: 1_000,
    isDslValidated: true,
    dialect: 'mysql',
    isStrict: true,
    supportedFunctions: undefined,
    dslDepthMax: 10,
    steps: new Set(['fold_constants', 'push_down_filters', 'join_by_conditions', 'prune_columns']),
  });
});

const settings: readonly [string, string, (config: ReturnType<typeof readConfig>) => unknown, unknown][] = [
  ['METADATA_CATALOG_URL', 'http://other:1/', (config) => config.catalogUrl, 'http://other:1'],
  ['SQL_DIALECT', 'duckdb', (config) => config.dialect, 'duckdb'],
  ['SQLGLOT_DIALECT', 'postgresql', (config) => config.dialect, 'postgresql'],
  ['DSL_VALIDATION_ENABLED', 'false', (config) => config.isDslValidated, false],
  ['QUERY_PLAN_CACHE_SIZE', '1', (config) => config.cachedPlansMax, 1],
  ['PARSING_TIMEOUT_SECONDS', '0.25', (config) => config.parsingMsMax, 250],
  ['PARSER_THREADS', '4', (config) => config.parserThreads, 4],
];

for (const [name, value, read, expected] of settings)
  test(`${name}=${value} is taken`, () => {
    assert.deepEqual(read(readConfig(new Environment({ [name]: value }))), expected);
  });

const wrong: readonly [string, string][] = [
  ['METADATA_CATALOG_URL', 'metadata-catalog:8083'],
  ['SQL_DIALECT', 'oracle'],
  ['SQLGLOT_DIALECT', 'oracle'],
  ['DSL_VALIDATION_ENABLED', 'perhaps'],
  ['QUERY_PLAN_CACHE_SIZE', '0'],
  ['PARSING_TIMEOUT_SECONDS', '0'],
  ['PARSER_THREADS', '1.5'],
  ['CONFIG_FILE', '/nowhere/config.json'],
];

for (const [name, value] of wrong)
  test(`${name}=${value} is refused by name`, () => {
    assert.throws(
      () => readConfig(Environment.open('query-interpreter', { [name]: value })),
      (error) => error instanceof HybridStoreError && error.details['variable'] === name,
    );
  });
