import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Environment, HybridStoreError } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer, testSecret } from '@hybridstore/test-kit';
import { readConfig } from '../src/config.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

test('without variables the documented defaults hold', () => {
  assert.deepEqual(readConfig(new Environment({})), {
    interpreterUrl: 'http://query-interpreter:8085',
    optimizerUrl: 'http://cbo-engine:8082',
    tenantUrlTemplate: 'http://hs-{name}.{namespace}.svc:8000',
    replicasUrl: undefined,
    ownAddress: undefined,
    admission: { runningMax: 64, runningPerTenantMax: 10, waitingMax: 1_000, waitingPerTenantMax: 200 },
    timeouts: { defaultMs: 60_000, maxMs: 600_000 },
    optimizeMsMax: 1_000,
  });
});

const settings: readonly [string, string, (config: ReturnType<typeof readConfig>) => unknown, unknown][] = [
  ['QUERY_INTERPRETER_URL', 'http://other:1/', (config) => config.interpreterUrl, 'http://other:1'],
  ['CBO_ENGINE_URL', 'https://other:2', (config) => config.optimizerUrl, 'https://other:2'],
  [
    'TENANT_URL_TEMPLATE',
    'http://{name}-{namespace}:3',
    (config) => config.tenantUrlTemplate,
    'http://{name}-{namespace}:3',
  ],
  ['REPLICAS_URL', 'http://all:4', (config) => config.replicasUrl, 'http://all:4'],
  ['POD_IP', '10.0.0.7', (config) => config.ownAddress, '10.0.0.7'],
  ['MAX_CONCURRENT_QUERIES', '7', (config) => config.admission.runningMax, 7],
  ['MAX_CONCURRENT_QUERIES_PER_TENANT', '3', (config) => config.admission.runningPerTenantMax, 3],
  ['QUEUE_LENGTH_MAX', '0', (config) => config.admission.waitingMax, 0],
  ['QUEUE_LENGTH_PER_TENANT_MAX', '9', (config) => config.admission.waitingPerTenantMax, 9],
  ['STATEMENT_TIMEOUT_SECONDS', '0.5', (config) => config.timeouts.defaultMs, 500],
  ['STATEMENT_TIMEOUT_SECONDS_MAX', '120', (config) => config.timeouts.maxMs, 120_000],
  ['OPTIMIZE_TIMEOUT_MS', '250', (config) => config.optimizeMsMax, 250],
];

for (const [name, value, read, expected] of settings)
  test(`${name}=${value} is taken`, () => {
    assert.deepEqual(read(readConfig(new Environment({ [name]: value }))), expected);
  });

const wrong: readonly [string, Record<string, string>][] = [
  ['AUTO_SCALING_ENABLED', { AUTO_SCALING_ENABLED: 'sometimes' }],
  ['MIN_WORKERS', { MIN_WORKERS: '0' }],
  ['MIN_WORKERS', { MIN_WORKERS: '9', MAX_WORKERS: '3' }],
  ['MAX_WORKERS', { MAX_WORKERS: 'many' }],
  ['SCALE_UP_THRESHOLD_CPU', { SCALE_UP_THRESHOLD_CPU: '170' }],
  ['SCALE_DOWN_THRESHOLD_CPU', { SCALE_DOWN_THRESHOLD_CPU: '70' }],
  ['MAX_CONCURRENT_QUERIES', { MAX_CONCURRENT_QUERIES: '1.5' }],
  ['QUEUE_LENGTH_MAX', { QUEUE_LENGTH_MAX: '-1' }],
  ['STATEMENT_TIMEOUT_SECONDS', { STATEMENT_TIMEOUT_SECONDS: '0' }],
  ['STATEMENT_TIMEOUT_SECONDS', { STATEMENT_TIMEOUT_SECONDS: '900' }],
  ['STATEMENT_TIMEOUT_SECONDS_MAX', { STATEMENT_TIMEOUT_SECONDS_MAX: '3601' }],
  ['MAX_CONCURRENT_QUERIES_PER_TENANT', { MAX_CONCURRENT_QUERIES_PER_TENANT: '0' }],
  ['QUEUE_LENGTH_PER_TENANT_MAX', { QUEUE_LENGTH_PER_TENANT_MAX: '1e9' }],
  ['OPTIMIZE_TIMEOUT_MS', { OPTIMIZE_TIMEOUT_MS: '0' }],
  ['CBO_ENGINE_URL', { CBO_ENGINE_URL: 'cbo-engine:8082' }],
  ['QUERY_INTERPRETER_URL', { QUERY_INTERPRETER_URL: 'nowhere' }],
  ['TENANT_URL_TEMPLATE', { TENANT_URL_TEMPLATE: 'http://tenant:8000' }],
];

for (const [name, variables] of wrong)
  test(`${JSON.stringify(variables)} is refused by the name ${name}`, () => {
    assert.throws(
      () => readConfig(new Environment(variables)),
      (error) => error instanceof HybridStoreError && error.details['variable'] === name,
    );
  });

test('a process that cannot start ends with one line that names the variable', () => {
  const run = spawnSync(process.execPath, [main], { env: {}, encoding: 'utf8' });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^operation-node cannot start: SERVICE_SECRET_FILE: expected a value, found nothing/);
});

test('a process with scaling variables says of each where the same is said now', async () => {
  using folder = createTemporaryFolder();
  const issuer = new TestIssuer(folder.path, new FakeClock());
  const secretFile = `${folder.path}/secret`;
  writeFileSync(secretFile, testSecret('operation-node'));
  const env = {
    HOST: '127.0.0.1',
    PORT: '0',
    JWKS_FILE: issuer.jwksFile,
    SERVICE_SECRET_FILE: secretFile,
    MIN_WORKERS: '2',
    MAX_WORKERS: '9',
  };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let log = '';
  for await (const chunk of child.stdout) {
    log += String(chunk);
    if (log.includes('"listening"')) child.kill('SIGKILL');
  }
  const events = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; variable?: string; reason?: string });
  const moved = events.filter((entry) => entry.event === 'variable_without_effect');
  assert.deepEqual(
    moved.map(({ variable, reason }) => [variable, reason]),
    [
      ['MAX_WORKERS', 'it is spec.autoscaling.maxReplicas of a Tenant'],
      ['MIN_WORKERS', 'it is spec.autoscaling.minReplicas of a Tenant'],
    ],
  );
});
