import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { processVariables, variableNamesOf } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { readServiceVariables } from '../start/service-variables.ts';
import { embeddedSettings } from '../start/settings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = createTemporaryFolder('variables');
after(() => folder[Symbol.dispose]());
const path = join(folder.path, 'config.json');

/** Names that code asks its environment for, and those of tables of them. */
function readIn(pattern: string): readonly string[] {
  return globSync(pattern, { cwd: root }).flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const asked = [
      ...text.matchAll(/environment\.\w+\(\s*'([A-Z][A-Z_]+)'/g),
      ...text.matchAll(/\bread\('([A-Z_]+)'\)/g),
    ];
    const listed = [
      ...text.matchAll(/^ {2}([A-Z][A-Z_]+): \{ limit:/gm),
      ...text.matchAll(/^ {2}\['[a-z-]+', '([A-Z_]+)'\],$/gm),
    ];
    return [...asked, ...listed].map(([, name]) => name!);
  });
}

/** Read on behalf of services by the kit that all of them have. */
const byAll = readIn('packages/http/src/{service-process,side-listener,leave}.ts').filter(
  (name) => !/JWT_SECRET/.test(name),
);

for (const service of Object.keys(processVariables) as (keyof typeof processVariables)[])
  test(`the variables that ${service} reads are those of the table`, () => {
    const own = readIn(service === 'operator' ? 'operator/src/**/*.ts' : `services/${service}/src/**/*.ts`);
    const kit = service === 'operator' ? ['METRICS_PORT', 'PROBE_PORT'] : ['CONFIG_FILE', ...byAll];
    // A key of the gateway's is its JWT_SECRET; a template of addresses is read by a function of its own.
    const more = service === 'auth-gateway' ? ['JWT_SECRET', 'JWT_SECRET_FILE'] : [];
    const uses = (text: string) =>
      globSync(`services/${service}/src/*.ts`, { cwd: root }).some((file) =>
        readFileSync(join(root, file), 'utf8').includes(text),
      );
    const template = uses('readTenantUrlTemplate(environment)') ? ['TENANT_URL_TEMPLATE'] : [];
    assert.deepEqual([...variableNamesOf(service)].sort(), [...new Set([...own, ...kit, ...more, ...template])].sort());
  });

test('a variable goes to each process that reads it, a file by its whole path, and wins over the example', () => {
  const given = readServiceVariables({
    JWT_EXPIRATION_HOURS: '48',
    LEGACY_USERS_FILE: 'users.ndjson',
    REGISTRATION_ROLE: 'reader',
    TOKEN_LEEWAY_SECONDS: '5',
    FLUSH_ROWS: '7',
    LOG_LEVEL: 'warn',
    BCRYPT_ROUNDS: '',
    HOME: '/root',
  });
  assert.deepEqual(given.notes, []);
  const { services: settings, config, logLevel } = embeddedSettings(given);
  assert.deepEqual(settings['auth-gateway'].env, {
    REGISTRATION_TENANT: 'default/acme',
    REGISTRATION_ROLE: 'reader',
    REGISTRATION_SOURCES: 'earthquakes,flights,movies,sales_data',
    JWT_EXPIRATION_HOURS: '48',
    LEGACY_USERS_FILE: resolve('users.ndjson'),
    TOKEN_LEEWAY_SECONDS: '5',
  });
  assert.deepEqual(settings.monitoring.env, { TOKEN_LEEWAY_SECONDS: '5' });
  assert.deepEqual(config, { 'tenant-node': { FLUSH_ROWS: '7', TOKEN_LEEWAY_SECONDS: '5' } });
  assert.equal(logLevel, 'warn');
});

test('the file that CONFIG_FILE names is split by who reads what; a variable wins, and that is said', () => {
  const sections = { sql_parser: { dialect: 'duckdb' } };
  writeFileSync(
    path,
    JSON.stringify({ ...sections, JWT_EXPIRATION_HOURS: 48, FLUSH_ROWS: 7, FLUSH_BYTES: 2048, LOG_LEVEL: 'error' }),
  );
  const { byService, config, logLevel, notes } = readServiceVariables({
    CONFIG_FILE: path,
    FLUSH_ROWS: '9',
    JWT_EXPIRATION_HOURS: '1',
  });
  assert.deepEqual(config, {
    'auth-gateway': { JWT_EXPIRATION_HOURS: 48 },
    'query-interpreter': sections,
    'tenant-node': { FLUSH_ROWS: '9', FLUSH_BYTES: 2048 },
  });
  assert.deepEqual(byService['auth-gateway'], { JWT_EXPIRATION_HOURS: '1' });
  assert.equal(logLevel, 'error');
  assert.deepEqual(notes, [
    `FLUSH_ROWS of ${path} has no effect: the variable is set too`,
    `JWT_EXPIRATION_HOURS of ${path} has no effect: the variable is set too`,
  ]);
});

test('what nobody reads in that file, or what is said elsewhere here, is refused by name', () => {
  const wrongs: readonly [settings: unknown, message: string][] = [
    [{ FLUSH_ROWZ: 7 }, 'FLUSH_ROWZ: expected a setting, found an unknown key (did you mean FLUSH_ROWS?)'],
    [{ DATA_PATH: '/x' }, 'DATA_PATH: expected none here: it is --data-dir'],
    [{ WAL_RETENTION_HOURS: 1 }, 'WAL_RETENTION_HOURS: expected none here: it is spec.wal.retentionHours of a Tenant'],
    [
      { JWT_EXPIRATION_HOURS: {} },
      'JWT_EXPIRATION_HOURS: expected a text, a number, true, false or a list of texts without commas, found an object',
    ],
  ];
  for (const [settings, message] of wrongs) {
    writeFileSync(path, JSON.stringify(settings));
    assert.throws(() => readServiceVariables({ CONFIG_FILE: path }), { message: `${path}: ${message}` });
  }
  assert.throws(() => readServiceVariables({ LOG_LEVEL: 'loud' }), { message: /^LOG_LEVEL: expected one of/ });
});

test('one that does nothing here says where the same is said, or what may be meant', () => {
  const { notes } = readServiceVariables({
    WAL_RETENTION_HOURS: '12',
    DATA_PATH: '/data',
    MIN_WORKERS: '3',
    LEADER_ELECTION: 'true',
    JWT_EXPIRATON_HOURS: '48',
    KUBECONFIG: '/x',
  });
  assert.deepEqual(notes, [
    'DATA_PATH has no effect here: it is --data-dir',
    'JWT_EXPIRATON_HOURS has no effect: it is not known; did you mean JWT_EXPIRATION_HOURS?',
    'LEADER_ELECTION has no effect here: it is for the operator of a cluster',
    'MIN_WORKERS has no effect here: it is spec.autoscaling.minReplicas of a Tenant',
    'WAL_RETENTION_HOURS has no effect here: it is spec.wal.retentionHours of a Tenant',
  ]);
});

/** Each of the older system's variables, as its users know them. */
const ofTheSeed =
  'JWT_SECRET JWT_EXPIRATION_HOURS ALLOWED_ORIGINS BCRYPT_ROUNDS TENANT_ID TENANT_NAME DATA_PATH MAX_CONCURRENT_SEARCHES WAL_RETENTION_HOURS AUTO_SCALING_ENABLED MIN_WORKERS MAX_WORKERS SCALE_UP_THRESHOLD_CPU SCALE_DOWN_THRESHOLD_CPU STATISTICS_REFRESH_INTERVAL COST_MODEL_LEARNING_ENABLED QUERY_CACHE_TTL MAX_EXECUTION_PLANS AUTO_COMPACTION_ENABLED COMPACTION_INTERVAL_MINUTES MIN_FILE_SIZE_MB MAX_FILE_SIZE_MB SQLGLOT_DIALECT DSL_VALIDATION_ENABLED QUERY_PLAN_CACHE_SIZE PARSING_TIMEOUT_SECONDS METRICS_INTERVAL_SECONDS LOG_RETENTION_DAYS PROMETHEUS_ENABLED GRAFANA_ENABLED';

test('every variable of the older system works at the start, or says that it does nothing', () => {
  for (const name of ofTheSeed.split(' ').filter((one) => one !== 'JWT_SECRET')) {
    const { byService, config, notes } = readServiceVariables({ [name]: '1' });
    const isHandedOn = [...Object.values(byService), ...Object.values(config)].some((values) =>
      Object.hasOwn(values ?? {}, name),
    );
    assert.equal(notes.length, isHandedOn ? 0 : 1, `${name}: ${notes}`);
  }
});
