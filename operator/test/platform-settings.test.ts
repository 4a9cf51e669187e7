import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Environment, podVariables } from '@hybridstore/runtime';
import { readConfig } from '../src/config.ts';
import { parsePlatformSettings } from '../src/platform-settings.ts';
import { buildDeployment } from '../src/resources/deployment.ts';

const place = { namespace: 'hybridstore-system' };

test('an empty file is a whole platform of defaults', () => {
  const settings = parsePlatformSettings('', place);
  assert.equal(settings.image.services, 'hybridstore/services:0.1.0');
  assert.deepEqual(settings.services['cbo-engine'], {
    enabled: true,
    replicas: 2,
    stateSize: '1Gi',
    env: {},
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  });
});

test('numbers and booleans of YAML become the text of variables, and empty classes mean none', () => {
  const text =
    'storage: {logStorageClassName: ""}\nservices: {auth-gateway: {replicas: 1, env: {BCRYPT_ROUNDS: 12, X: true}, resources: {requests: {cpu: 1}}}}';
  const settings = parsePlatformSettings(text, place);
  assert.deepEqual(settings.storage, {});
  assert.deepEqual(settings.services['auth-gateway'].env, { BCRYPT_ROUNDS: '12', X: 'true' });
  assert.deepEqual(settings.services['auth-gateway'].resources.requests, { cpu: '1', memory: '128Mi' });
});

for (const [what, text, message] of [
  ['an unknown field', 'imgae: {}', /SETTINGS_FILE: imgae/],
  ['an unknown service', 'services: {spark: {}}', /SETTINGS_FILE: services/],
  ['a wrong type', 'network: {policies: 1}', /network\.policies: expected boolean/],
  ['a negative size', 'services: {monitoring: {replicas: -1}}', /services\.monitoring\.replicas/],
  ['no YAML', '{', /expected YAML/],
  [
    'a second pod of what keeps its state',
    'services: {metadata-catalog: {replicas: 2}}',
    /^SETTINGS_FILE: services\.metadata-catalog\.replicas: expected 1, since its state is on a volume .*, found 2$/,
  ],
  [
    'more gateways than there are failures to share out',
    'services: {auth-gateway: {replicas: 6}}',
    /services\.auth-gateway\.replicas: expected 1 to 5, .*, found 6$/,
  ],
  [
    'a volume beside a database',
    'store: {postgres: {host: db, credentialsSecret: users-db}}\nservices: {auth-gateway: {stateSize: 1Gi}}',
    /services\.auth-gateway\.stateSize: expected none, since the users are in store\.postgres/,
  ],
  ['a database without credentials', 'store: {postgres: {host: db}}', /store\.postgres/],
  ['no gateway', 'services: {auth-gateway: {replicas: 0}}', /services\.auth-gateway\.replicas: expected 1 to 5, /],
  ['no pod of it', 'services: {monitoring: {replicas: 0}}', /services\.monitoring\.replicas: expected 1, .*, found 0$/],
  [
    'a volume for nothing',
    'services: {cbo-engine: {stateSize: 1Gi}}',
    /services\.cbo-engine\.stateSize: expected none/,
  ],
  ['a port of the platform', 'services: {cbo-engine: {env: {PROBE_PORT: 1}}}', /services\.cbo-engine\.env\.PROBE_PORT/],
  [
    'a label of the operator',
    'services: {cbo-engine: {podTemplate: {metadata: {labels: {hybridstore.dev/shared-service: x}}}}}',
    /^SETTINGS_FILE: services\.cbo-engine\.podTemplate\.metadata\.labels: expected none of .*, found hybridstore\.dev\/shared-service$/,
  ],
  [
    'a variable that the operator sets',
    'services: {monitoring: {podTemplate: {spec: {env: [{name: TARGETS_FILE, value: /x}]}}}}',
    /^SETTINGS_FILE: services\.monitoring\.podTemplate\.spec\.env: expected no variable .*, found TARGETS_FILE$/,
  ],
  [
    'a variable in two places',
    'services: {monitoring: {env: {A: 1}, podTemplate: {spec: {env: [{name: A, value: x}]}}}}',
    /services\.monitoring\.podTemplate\.spec\.env: expected no variable .*, found A$/,
  ],
  [
    'an unknown field of a pod',
    'services: {monitoring: {podTemplate: {spec: {hostNetwork: true}}}}',
    /SETTINGS_FILE: services\.monitoring\.podTemplate\.spec\.hostNetwork: is not a known field/,
  ],
  [
    'too little time to end',
    'services: {monitoring: {podTemplate: {spec: {terminationGracePeriodSeconds: 5}}}}',
    /terminationGracePeriodSeconds: expected at least 45, found 5$/,
  ],
  [
    'an annotation of the operator on an account',
    'services: {monitoring: {serviceAccount: {annotations: {hybridstore.dev/x: y}}}}',
    /services\.monitoring\.serviceAccount\.annotations: expected none of .*, found hybridstore\.dev\/x$/,
  ],
  ['settings of an unknown process', 'config: {spark: {}}', /SETTINGS_FILE: config/],
  [
    'a misspelt setting',
    'config: {auth-gateway: {JWT_EXPIRATON_HOURS: 48}}',
    /config\.auth-gateway: JWT_EXPIRATON_HOURS: expected a setting, .*did you mean JWT_EXPIRATION_HOURS/,
  ],
  [
    'a setting of another process',
    'config: {auth-gateway: {FLUSH_ROWS: 5}}',
    /config\.auth-gateway\.FLUSH_ROWS: expected none: it is read by tenant-node, found 5/,
  ],
  [
    'what a Tenant says',
    'config: {tenant-node: {MAX_CONCURRENT_SEARCHES: 5}}',
    /config\.tenant-node\.MAX_CONCURRENT_SEARCHES: expected none: it is spec\.limits\.maxConcurrentSearches of a Tenant/,
  ],
  [
    'what moved to the Tenant',
    'config: {operation-node: {MIN_WORKERS: 3}}',
    /config\.operation-node\.MIN_WORKERS: expected none: it is spec\.autoscaling\.minReplicas of a Tenant/,
  ],
  [
    'the level of logs',
    'config: {monitoring: {LOG_LEVEL: warn}}',
    /LOG_LEVEL: expected none: it is logLevel of the chart/,
  ],
  [
    'another level of logs than that of the file that is followed',
    'services: {monitoring: {env: {LOG_LEVEL: debug}}}',
    /services\.monitoring\.env\.LOG_LEVEL: expected none: it is logLevel of the chart, found "debug"/,
  ],
  [
    'another file to follow the level of logs',
    'services: {monitoring: {env: {LOG_LEVEL_FILE: /x}}}',
    /services\.monitoring\.env\.LOG_LEVEL_FILE: expected none: it is logLevel of the chart/,
  ],
  ['no tenant that may roll', 'maxTenantsRolling: 0', /maxTenantsRolling/],
  ['more tenants that may roll than the bound', 'maxTenantsRolling: 1001', /maxTenantsRolling/],
  ['a wrong section', 'config: {query-interpreter: {sql_parser: {dialect: oracle}}}', /sql_parser\.dialect/],
  [
    'two files of settings',
    'services: {monitoring: {env: {CONFIG_FILE: /x}}}\nconfig: {monitoring: {LOG_RETENTION_DAYS: 1}}',
    /env\.CONFIG_FILE: expected none beside config\.monitoring/,
  ],
] as const) {
  test(`${what} is refused by name`, () => {
    assert.throws(() => parsePlatformSettings(text, place), { code: 'invalid_request', message });
  });
}

test('the operator needs no variable, and refuses wrong ones by name', () => {
  const config = readConfig(new Environment({ POD_NAME: 'operator-x' }));
  assert.deepEqual(
    [config.port, config.leaderElection, config.identity, config.prometheus],
    [8086, true, 'operator-x', undefined],
  );
  assert.throws(() => readConfig(new Environment({ PROMETHEUS_URL: 'nowhere' })), { message: /^PROMETHEUS_URL/ });
  assert.throws(() => readConfig(new Environment({ LEADER_ELECTION: 'maybe' })), { message: /^LEADER_ELECTION/ });
  assert.throws(() => readConfig(new Environment({ SETTINGS_FILE: '/nonexistent' })), { message: /^SETTINGS_FILE/ });
});

test('Prometheus is asked with the labels that its relabelling gives', () => {
  const { prometheus } = readConfig(
    new Environment({ PROMETHEUS_URL: 'http://p:9090/', PROMETHEUS_POD_LABEL: 'kubernetes_pod_name' }),
  );
  assert.deepEqual(prometheus, {
    url: 'http://p:9090',
    labels: { namespace: 'namespace', pod: 'kubernetes_pod_name' },
  });
});

test('no variable that is said of a service stands twice in its pods, which the API server would refuse', () => {
  const namesOf = (env: Readonly<Record<string, string>>) => {
    const settings = parsePlatformSettings(JSON.stringify({ services: { monitoring: { env } } }), place);
    const [container] = buildDeployment('monitoring', settings, []).spec?.template.spec.containers ?? [];
    return container?.env?.map(({ name }) => name) ?? [];
  };
  const refused = namesOf({}).filter((name) => {
    if (Object.hasOwn(podVariables, name)) return true;
    const names = namesOf({ [name]: 'x' });
    assert.deepEqual(names, [...new Set(names)], name);
    return false;
  });
  assert.deepEqual(refused.toSorted(), [
    'JWKS_FILE',
    'LOG_LEVEL_FILE',
    'POD_IP',
    'POD_NAME',
    'POD_NAMESPACE',
    'PROBE_PORT',
    'SERVICE_SECRET_FILE',
  ]);
});
