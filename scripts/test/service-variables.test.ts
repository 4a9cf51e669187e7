import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readServiceVariables, variablesOf } from '../start/service-variables.ts';
import { embeddedSettings } from '../start/settings.ts';

const services = fileURLToPath(new URL('../../services', import.meta.url));
/** What the platform itself gives a service: folders, addresses, files of its own making. */
const given = new Set([
  'ADMIN_PASSWORD_FILE',
  'ADMIN_USERNAME',
  'CBO_ENGINE_URL',
  'DATA_PATH',
  'HYBRIDSTORE_HOSTS_FILE',
  'METADATA_CATALOG_URL',
  'QUERY_INTERPRETER_URL',
  'TARGETS_FILE',
  'USERS_PATH',
]);

test('each variable that a service reads is listed for it, and no other', () => {
  for (const [service, listed] of Object.entries(variablesOf)) {
    const read = globSync('src/**/*.ts', { cwd: join(services, service) }).flatMap((file) =>
      [...readFileSync(join(services, service, file), 'utf8').matchAll(/environment\.\w+\(\s*'([A-Z_]+)'/g)].map(
        ([, name]) => name!,
      ),
    );
    const own = [...new Set(read)].filter((name) => !given.has(name)).sort();
    assert.deepEqual([...listed].sort(), own, service);
  }
});

test('a variable goes to each service that reads it, a file by its whole path, and wins over the example', () => {
  const { byService, notes } = readServiceVariables({
    JWT_EXPIRATION_HOURS: '48',
    CONFIG_FILE: 'interpreter.json',
    REGISTRATION_ROLE: 'reader',
    HOME: '/root',
  });
  assert.deepEqual(notes, []);
  const { services: settings } = embeddedSettings(byService);
  assert.deepEqual(settings['auth-gateway']?.env, {
    REGISTRATION_TENANT: 'default/acme',
    REGISTRATION_ROLE: 'reader',
    REGISTRATION_SOURCES: 'earthquakes,flights,movies,sales_data',
    JWT_EXPIRATION_HOURS: '48',
  });
  assert.deepEqual(settings['query-interpreter']?.env, { CONFIG_FILE: resolve('interpreter.json') });
  assert.deepEqual(settings.monitoring?.env, {});
});

test('one that does nothing here says where the same is said', () => {
  const { notes } = readServiceVariables({ WAL_RETENTION_HOURS: '12', DATA_PATH: '/data' });
  assert.deepEqual(notes, [
    'DATA_PATH has no effect here: it is --data-dir',
    'WAL_RETENTION_HOURS has no effect here: it is spec.wal.retentionHours of a Tenant',
  ]);
});
