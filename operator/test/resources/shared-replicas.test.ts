import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { buildDeployment, runsOnce } from '../../src/resources/deployment.ts';
import { sharedServiceNames } from '../../src/resources/names.ts';
import { buildSharedDisruptionBudget } from '../../src/resources/pod-disruption-budget.ts';
import { buildSharedChildren } from '../../src/shared-services/desired-state.ts';

const settingsOf = (text: string) => parsePlatformSettings(text, { namespace: 'hybridstore-system' });

test('a service that may have several has two replicas, on two machines where there are two, and is replaced without a gap', () => {
  const settings = settingsOf('');
  for (const name of sharedServiceNames.filter((one) => !runsOnce(one))) {
    const { spec } = buildDeployment(name, settings, []);
    assert.equal(spec?.replicas, 2, name);
    assert.deepEqual(spec?.strategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
    const spreads = spec?.template.spec.topologySpreadConstraints ?? [];
    const spread = spreads.find(({ topologyKey }) => topologyKey === 'kubernetes.io/hostname');
    assert.deepEqual([spread?.maxSkew, spread?.labelSelector?.matchLabels], [1, spec?.selector.matchLabels]);
  }
});

test('of all pods that queries and log-ins go through, at most one is away by choice', () => {
  const budget = buildSharedDisruptionBudget(settingsOf('services: {cbo-engine: {replicas: 1}}'), []);
  assert.equal(budget?.spec?.maxUnavailable, 1);
  assert.equal(budget?.spec?.unhealthyPodEvictionPolicy, 'AlwaysAllow');
  const workloads = [...sharedServiceNames, 'user-store'] as const;
  const [expression, ...others] = budget?.spec?.selector?.matchExpressions ?? [];
  assert.deepEqual(others, []);
  const isBounded = (workload: (typeof workloads)[number]) => {
    const labels = buildDeployment(workload, settingsOf(''), []).spec?.template.metadata?.labels ?? {};
    return expression?.values?.includes(labels[expression.key] ?? '') === true;
  };
  assert.deepEqual(
    workloads.filter((workload) => !isBounded(workload)),
    ['monitoring'],
  );
});

test('services that all run once keep no machine from being emptied', () => {
  const once = sharedServiceNames.map((name) => `${name}: {replicas: 1}`).join(', ');
  assert.equal(buildSharedDisruptionBudget(settingsOf(`services: {${once}}`), []), undefined);
});

const containerOf = (name: Parameters<typeof buildDeployment>[0], text: string) =>
  buildDeployment(name, settingsOf(text), []).spec?.template.spec.containers[0];
const variable = (container: ReturnType<typeof containerOf>, name: string) =>
  container?.env?.find((one) => one.name === name)?.value;
const claimOf = (name: Parameters<typeof buildDeployment>[0], text: string) =>
  buildDeployment(name, settingsOf(text), []).spec?.template.spec.volumes?.find(({ name: own }) => own === 'state')
    ?.persistentVolumeClaim?.claimName;

test('several gateways have no volume and ask who has it; a single one holds the users itself, on the same volume', () => {
  const single = 'services: {auth-gateway: {replicas: 1}}';
  assert.equal(claimOf('auth-gateway', ''), undefined);
  assert.equal(claimOf('user-store', ''), 'auth-gateway-state');
  assert.equal(claimOf('auth-gateway', single), 'auth-gateway-state');
  const [gateway, store, alone] = [
    containerOf('auth-gateway', ''),
    containerOf('user-store', ''),
    containerOf('auth-gateway', single),
  ];
  const url = 'http://user-store.hybridstore-system.svc:8080';
  assert.deepEqual(
    [gateway, store, alone].map((one) => [
      one?.args?.[0],
      variable(one, 'USER_STORE_URL'),
      variable(one, 'GATEWAY_REPLICAS'),
      variable(one, 'ADMIN_USERNAME'),
    ]),
    [
      ['auth-gateway', url, '2', undefined],
      ['auth-gateway', undefined, undefined, 'admin'],
      ['auth-gateway', undefined, undefined, 'admin'],
    ],
  );
});

test('what runs once is away for no longer than it must; the store of users takes two seconds to say what was revoked', () => {
  const delays = (['auth-gateway', 'user-store', 'metadata-catalog', 'monitoring', 'cbo-engine'] as const).map(
    (name) => [name, variable(containerOf(name, ''), 'SHUTDOWN_DELAY_SECONDS')],
  );
  assert.deepEqual(Object.fromEntries(delays), {
    'auth-gateway': '5',
    'user-store': '2',
    'metadata-catalog': '0',
    monitoring: '0',
    'cbo-engine': '5',
  });
});

test('gateways of a database have no volume and no process beside them, and its Secrets as files', () => {
  const text = 'store: {postgres: {host: db.example.com, credentialsSecret: users-db, caSecret: users-db-ca}}';
  const settings = settingsOf(text);
  const names = buildSharedChildren({ settings, jwks: { keys: [] }, targets: [], owners: [] }).map(
    ({ object }) => `${object.kind}/${object.metadata.name}`,
  );
  assert.deepEqual(
    names.filter((name) => /user-store|auth-gateway-state/.test(name)),
    [],
  );
  assert.ok(names.includes('PodDisruptionBudget/shared-services'));
  const gateway = containerOf('auth-gateway', text);
  const given = Object.fromEntries(
    (gateway?.env ?? [])
      .filter(({ name }) => /POSTGRES|USER_STORE|ADMIN_USER/.test(name))
      .map(({ name, value }) => [name, value]),
  );
  assert.deepEqual(given, {
    ADMIN_USERNAME: 'admin',
    POSTGRES_CA_FILE: '/etc/hybridstore/postgres-ca/ca.crt',
    POSTGRES_DATABASE: 'hybridstore',
    POSTGRES_HOST: 'db.example.com',
    POSTGRES_PASSWORD_FILE: '/etc/hybridstore/postgres/password',
    POSTGRES_PORT: '5432',
    POSTGRES_TLS_MODE: 'verify-full',
    POSTGRES_USER_FILE: '/etc/hybridstore/postgres/username',
  });
  const volumes = buildDeployment('auth-gateway', settings, []).spec?.template.spec.volumes ?? [];
  assert.deepEqual(
    volumes.flatMap(({ secret }) => (secret?.secretName?.startsWith('users-db') ? [secret.secretName] : [])),
    ['users-db', 'users-db-ca'],
  );
  assert.deepEqual(
    containerOf('cbo-engine', text)?.env?.filter(({ name }) => name.startsWith('POSTGRES')),
    [],
  );
});
