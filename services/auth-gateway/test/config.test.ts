import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Environment } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { readConfig } from '../src/config.ts';

const read = (variables: Record<string, string>) => readConfig(new Environment(variables));

describe('the configuration of the gateway', () => {
  it('has the documented defaults', () => {
    assert.deepEqual(read({}), {
      usersPath: './data',
      userStoreUrl: undefined,
      postgres: undefined,
      gateways: 1,
      tokenLifetimeSeconds: 86_400,
      allowedOrigins: [],
      bcryptRoundsMax: 12,
      selfRegistration: true,
      registration: undefined,
      administrator: undefined,
      legacyUsers: [],
      addresses: {
        services: {
          'operation-node': 'http://operation-node:8081',
          'cbo-engine': 'http://cbo-engine:8082',
          'metadata-catalog': 'http://metadata-catalog:8083',
          monitoring: 'http://monitoring:8084',
          'query-interpreter': 'http://query-interpreter:8085',
        },
        tenantUrlTemplate: 'http://hs-{name}.{namespace}.svc:8000',
      },
      trustedProxies: new BlockList(),
      keepAliveMs: 75_000,
    });
  });

  it('keeps users in USERS_PATH, else in DATA_PATH', () => {
    assert.equal(read({ USERS_PATH: '/users', DATA_PATH: '/data' }).usersPath, '/users');
    assert.equal(read({ DATA_PATH: '/data' }).usersPath, '/data');
  });

  it('reads an administrator, a grant at registration and origins', () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'password');
    writeFileSync(path, 'a long password\n');
    const config = read({
      ADMIN_USERNAME: 'root',
      ADMIN_PASSWORD_FILE: path,
      REGISTRATION_TENANT: 'default/acme',
      REGISTRATION_ROLE: 'admin',
      REGISTRATION_SOURCES: 'flights, sales_*',
      SELF_REGISTRATION: 'false',
      ALLOWED_ORIGINS: 'https://a.example.com, http://localhost:3000',
      JWT_EXPIRATION_HOURS: '0.5',
      TRUSTED_PROXIES: '10.0.0.0/8, fd00::1',
    });
    assert.deepEqual(config.administrator, { username: 'root', password: 'a long password' });
    assert.deepEqual(config.registration, {
      tenantId: 'default/acme',
      role: 'admin',
      sources: ['flights', 'sales_*'],
    });
    assert.equal(config.selfRegistration, false);
    assert.deepEqual(config.allowedOrigins, ['https://a.example.com', 'http://localhost:3000']);
    assert.equal(config.tokenLifetimeSeconds, 1_800);
    assert.deepEqual(config.trustedProxies.rules.length, 2);
  });

  const postgres = { POSTGRES_HOST: 'db', POSTGRES_USER_FILE: '/dev/null', POSTGRES_PASSWORD_FILE: '/dev/null' };

  it('keeps users in PostgreSQL where it is named, with a certificate that is checked', () => {
    assert.deepEqual(read(postgres).postgres, {
      host: 'db',
      port: 5_432,
      database: 'hybridstore',
      user: '',
      password: '',
      tlsMode: 'verify-full',
      authorities: undefined,
    });
  });

  const wrongs: readonly [string, Record<string, string>][] = [
    ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: '*' }],
    ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: 'https://a.example.com/path' }],
    ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: 'a.example.com' }],
    ['KEEP_ALIVE_SECONDS', { KEEP_ALIVE_SECONDS: '0' }],
    ['JWT_EXPIRATION_HOURS', { JWT_EXPIRATION_HOURS: '0' }],
    ['JWT_EXPIRATION_HOURS', { JWT_EXPIRATION_HOURS: 'never' }],
    ['BCRYPT_ROUNDS', { BCRYPT_ROUNDS: '31' }],
    ['REGISTRATION_TENANT', { REGISTRATION_ROLE: 'reader' }],
    ['REGISTRATION_TENANT', { REGISTRATION_TENANT: 'acme', REGISTRATION_ROLE: 'reader' }],
    ['REGISTRATION_ROLE', { REGISTRATION_TENANT: 'default/acme' }],
    ['REGISTRATION_ROLE', { REGISTRATION_TENANT: 'default/acme', REGISTRATION_ROLE: 'root' }],
    ['TRUSTED_PROXIES', { TRUSTED_PROXIES: '10.0.0.0/8, ingress' }],
    ['REGISTRATION_SOURCES', { REGISTRATION_TENANT: 'default/acme', REGISTRATION_ROLE: 'writer' }],
    [
      'REGISTRATION_SOURCES',
      { REGISTRATION_TENANT: 'default/acme', REGISTRATION_ROLE: 'writer', REGISTRATION_SOURCES: 'a b' },
    ],
    ['GATEWAY_REPLICAS', { GATEWAY_REPLICAS: '6' }],
    ['USER_STORE_URL', { USER_STORE_URL: 'user-store' }],
    ['POSTGRES_HOST', { POSTGRES_HOST: 'a b' }],
    ['POSTGRES_USER_FILE', { POSTGRES_HOST: 'db', POSTGRES_USER_FILE: '/nowhere' }],
    ['POSTGRES_TLS_MODE', { ...postgres, POSTGRES_TLS_MODE: 'prefer' }],
    ['POSTGRES_PORT', { ...postgres, POSTGRES_PORT: '0' }],
    ['USER_STORE_URL', { ...postgres, USER_STORE_URL: 'http://user-store:8080' }],
    ['SELF_REGISTRATION', { SELF_REGISTRATION: 'perhaps' }],
    ['ADMIN_USERNAME', { ADMIN_USERNAME: 'the boss' }],
    ['ADMIN_PASSWORD_FILE', { ADMIN_USERNAME: 'root' }],
    ['ADMIN_PASSWORD_FILE', { ADMIN_USERNAME: 'root', ADMIN_PASSWORD_FILE: '/nowhere' }],
    ['ADMIN_PASSWORD_FILE', { ADMIN_USERNAME: 'root', ADMIN_PASSWORD_FILE: '/dev/null' }],
    ['LEGACY_USERS_FILE', { LEGACY_USERS_FILE: '/nowhere' }],
    ['OPERATION_NODE_URL', { OPERATION_NODE_URL: 'operation-node' }],
    ['MONITORING_URL', { MONITORING_URL: 'http://monitoring:8084/base' }],
    ['TENANT_URL_TEMPLATE', { TENANT_URL_TEMPLATE: 'http://tenant:8000' }],
    ['TENANT_URL_TEMPLATE', { TENANT_URL_TEMPLATE: 'ftp://{name}:8000' }],
  ];
  for (const [variable, variables] of wrongs) {
    it(`refuses ${JSON.stringify(variables)} and names ${variable}`, () => {
      assert.throws(() => read(variables), { code: 'invalid_request', message: new RegExp(`^${variable}: expected`) });
    });
  }
});
