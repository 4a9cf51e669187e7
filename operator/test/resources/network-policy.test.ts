import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type ServiceName, services } from '@hybridstore/contracts';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { sharedServiceLabels, tenantLabels } from '../../src/resources/labels.ts';
import { probePort, sharedServiceNames } from '../../src/resources/names.ts';
import {
  buildOperatorNetworkPolicy,
  buildSharedNetworkPolicy,
  buildTenantNetworkPolicy,
} from '../../src/resources/network-policy.ts';
import { type Endpoint, mayConnect } from './reachability.ts';
import { tenantInput } from './tenant-set.ts';

const system = 'hybridstore-system';
const settings = parsePlatformSettings('', { namespace: system });
const tenantKeys = [
  { namespace: 'default', name: 'acme' },
  { namespace: 'default', name: 'globex' },
  { namespace: 'other', name: 'acme' },
];
const policies = [
  ...tenantKeys.flatMap((key) => buildTenantNetworkPolicy(tenantInput(settings, key)) ?? []),
  ...[...sharedServiceNames, 'user-store' as const].flatMap(
    (name) => buildSharedNetworkPolicy(name, settings, []) ?? [],
  ),
  ...[buildOperatorNetworkPolicy(settings, []) ?? []].flat(),
];

const node = (namespace: string, name: string): Endpoint => ({ namespace, labels: tenantLabels(name) });
const service = (name: ServiceName): Endpoint => ({ namespace: system, labels: sharedServiceLabels(name) });
const acme = node('default', 'acme');
const stranger: Endpoint = { namespace: 'default', labels: { app: 'web' } };
const prometheus: Endpoint = { namespace: 'monitoring', labels: { 'app.kubernetes.io/name': 'prometheus' } };
const dns: Endpoint = { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } };

describe('nodes of a tenant', () => {
  it('reach each other, the catalog, the gateway and DNS, and nothing else', () => {
    assert.equal(mayConnect(policies, acme, acme, 8000), true);
    const called: readonly ServiceName[] = ['metadata-catalog', 'auth-gateway'];
    for (const name of called) assert.equal(mayConnect(policies, acme, service(name), services[name]), true, name);
    assert.equal(mayConnect(policies, acme, dns, 53, 'UDP'), true);
    const others = sharedServiceNames.filter((name) => !called.includes(name));
    for (const name of others) assert.equal(mayConnect(policies, acme, service(name), services[name]), false, name);
    assert.equal(mayConnect(policies, acme, stranger, 80), false);
    assert.equal(mayConnect(policies, acme, dns, 443), false);
  });

  it('cannot reach those of another tenant, beside them or of the same name elsewhere', () => {
    for (const other of [node('default', 'globex'), node('other', 'acme')]) {
      assert.equal(mayConnect(policies, acme, other, 8000), false);
      assert.equal(mayConnect(policies, other, acme, 8000), false);
    }
  });

  it('are reached by those services that call them, on their port only', () => {
    const callers: readonly ServiceName[] = [
      'auth-gateway',
      'operation-node',
      'query-interpreter',
      'metadata-catalog',
      'monitoring',
      'operator',
    ];
    for (const name of callers) assert.equal(mayConnect(policies, service(name), acme, 8000), true, name);
    assert.equal(mayConnect(policies, service('cbo-engine'), acme, 8000), false);
    assert.equal(mayConnect(policies, service('auth-gateway'), acme, 22), false);
  });

  it('are reached by Prometheus, and not by other pods of their namespace', () => {
    assert.equal(mayConnect(policies, prometheus, acme, 8000), true);
    assert.equal(mayConnect(policies, stranger, acme, 8000), false);
  });

  it('are not reached by a pod elsewhere that wears the labels of a service', () => {
    const impostor: Endpoint = { namespace: 'default', labels: sharedServiceLabels('operation-node') };
    assert.equal(mayConnect(policies, impostor, acme, 8000), false);
  });

  it('are reached by the callers that the settings name', () => {
    const open = parsePlatformSettings('network: {tenantClients: [{podSelector: {matchLabels: {app: web}}}]}', {
      namespace: system,
    });
    const policy = buildTenantNetworkPolicy(tenantInput(open)) ?? assert.fail('no policy');
    assert.equal(mayConnect([policy], stranger, acme, 8000), true);
    assert.equal(mayConnect([policy], { ...stranger, namespace: 'other' }, acme, 8000), false);
  });
});

describe('shared services', () => {
  it('are reached only by those who call them', () => {
    const expected: Readonly<Record<string, readonly ServiceName[]>> = {
      'operation-node': ['auth-gateway', 'monitoring'],
      'cbo-engine': ['auth-gateway', 'operation-node', 'monitoring'],
      'query-interpreter': ['auth-gateway', 'operation-node', 'monitoring'],
      'metadata-catalog': [
        'auth-gateway',
        'operation-node',
        'cbo-engine',
        'monitoring',
        'query-interpreter',
        'operator',
      ],
      monitoring: ['auth-gateway'],
    };
    for (const [callee, callers] of Object.entries(expected)) {
      const to = service(callee as ServiceName);
      const found = [...sharedServiceNames, 'operator' as const].filter(
        (name) => name !== callee && mayConnect(policies, service(name), to, services[callee as ServiceName]),
      );
      assert.deepEqual(found.sort(), [...callers].sort(), callee);
    }
  });

  it('leave only the gateway open to the world, and to nobody but its clients where these are named', () => {
    assert.equal(mayConnect(policies, stranger, service('auth-gateway'), 8080), true);
    for (const name of sharedServiceNames.filter((each) => each !== 'auth-gateway'))
      assert.equal(mayConnect(policies, stranger, service(name), services[name]), false, name);
    const closed = parsePlatformSettings(
      'network: {gatewayClients: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}}]}',
      { namespace: system },
    );
    const policy = buildSharedNetworkPolicy('auth-gateway', closed, []) ?? assert.fail('no policy');
    assert.equal(mayConnect([policy], stranger, service('auth-gateway'), 8080), false);
    assert.equal(mayConnect([policy], { namespace: 'ingress', labels: {} }, service('auth-gateway'), 8080), true);
    // They ask it for revoked tokens.
    const others = sharedServiceNames.filter((name) => name !== 'auth-gateway');
    const rest = policies.filter(({ metadata }) => metadata.name !== 'auth-gateway');
    for (const caller of [acme, ...others.map(service)])
      assert.equal(mayConnect([policy, ...rest], caller, service('auth-gateway'), 8080), true);
  });

  it('cannot reach the world', () => {
    const world: Endpoint = { namespace: 'anywhere', labels: {} };
    for (const name of sharedServiceNames) assert.equal(mayConnect(policies, service(name), world, 443), false, name);
  });
});

describe('the operator', () => {
  it('is reached by monitoring and Prometheus on its port, and by nobody else', () => {
    const callers = [service('monitoring'), prometheus];
    for (const from of callers) assert.equal(mayConnect(policies, from, service('operator'), services.operator), true);
    const others = sharedServiceNames.filter((name) => name !== 'monitoring').map(service);
    for (const from of [...others, acme, stranger])
      assert.equal(mayConnect(policies, from, service('operator'), services.operator), false);
    assert.equal(mayConnect(policies, prometheus, service('operator'), 22), false);
  });

  it('reaches API servers, wherever they are', () => {
    const apiServer: Endpoint = { namespace: 'kube-system', labels: {} };
    assert.equal(mayConnect(policies, service('operator'), apiServer, 6_443), true);
  });
});

describe('a port of its own for /metrics', () => {
  const moved = parsePlatformSettings('network: {metricsPort: 9801}', { namespace: system });
  const withMetrics = [
    ...tenantKeys.flatMap((key) => buildTenantNetworkPolicy(tenantInput(moved, key)) ?? []),
    ...sharedServiceNames.flatMap((name) => buildSharedNetworkPolicy(name, moved, []) ?? []),
  ];
  const everybody = [acme, ...sharedServiceNames.map(service)];

  it('is open to Prometheus, monitoring and the operator, and to nobody else, the clients of the gateway included', () => {
    for (const to of everybody) {
      for (const from of [prometheus, service('monitoring'), service('operator')])
        assert.equal(isDeepStrictEqual(from, to) || mayConnect(withMetrics, from, to, 9801), true);
      for (const from of [stranger, node('default', 'globex'), service('operation-node'), service('auth-gateway')])
        assert.equal(mayConnect(withMetrics, from, to, 9801), false);
    }
    assert.equal(mayConnect(withMetrics, stranger, service('auth-gateway'), 8080), true);
  });

  it('and that of the probes are closed to all pods otherwise: only a kubelet asks its own', () => {
    for (const to of everybody)
      for (const from of [prometheus, stranger, service('monitoring'), service('auth-gateway')]) {
        assert.equal(mayConnect(policies, from, to, 9801), false);
        assert.equal(mayConnect(withMetrics, from, to, probePort), false);
      }
  });

  it('is refused where another one has it', () => {
    for (const port of [8080, 8000, probePort, 80, 70_000])
      assert.throws(() => parsePlatformSettings(`network: {metricsPort: ${port}}`, { namespace: system }), {
        code: 'invalid_request',
        message: /^SETTINGS_FILE: .*metricsPort/,
      });
  });
});

it('no policy is made where the settings switch them off, and no DNS peer never means every peer', () => {
  const off = parsePlatformSettings('network: {policies: false}', { namespace: system });
  assert.equal(buildTenantNetworkPolicy(tenantInput(off)), undefined);
  const deaf = parsePlatformSettings('network: {dns: []}', { namespace: system });
  const policy = buildTenantNetworkPolicy(tenantInput(deaf)) ?? assert.fail('no policy');
  assert.equal(mayConnect([policy], acme, { namespace: 'anywhere', labels: {} }, 53, 'UDP'), false);
});

it('a cache of DNS on each machine is reached by its address, by nodes and services alike, and kube-dns beside it', () => {
  const text = `network:
  dns:
    - ipBlock: { cidr: 169.254.20.10/32 }
    - ipBlock: { cidr: "fd00::10/128" }
    - namespaceSelector: {}
      podSelector: { matchLabels: { k8s-app: kube-dns } }`;
  const local = parsePlatformSettings(text, { namespace: system });
  const own = [
    buildTenantNetworkPolicy(tenantInput(local)) ?? assert.fail('no policy'),
    ...sharedServiceNames.map((name) => buildSharedNetworkPolicy(name, local, []) ?? assert.fail(name)),
  ];
  const cache = (address: string): Endpoint => ({ namespace: '', labels: {}, address });
  for (const from of [acme, ...sharedServiceNames.map(service)])
    for (const protocol of ['UDP', 'TCP']) {
      for (const to of [cache('169.254.20.10'), cache('fd00::10'), dns])
        assert.equal(mayConnect(own, from, to, 53, protocol), true, JSON.stringify({ from, to }));
      assert.equal(mayConnect(own, from, cache('169.254.20.10'), 80, protocol), false);
      assert.equal(mayConnect(own, from, cache('169.254.169.254'), 53, protocol), false);
    }
  // Without the address no policy lets anybody ask there.
  assert.equal(mayConnect(policies, acme, cache('169.254.20.10'), 53, 'UDP'), false);
});

describe('the database of the users', () => {
  const database: Endpoint = { namespace: 'databases', labels: { app: 'postgres' } };
  const egress = (peers: string) => {
    const text = `store: {postgres: {host: db, credentialsSecret: users-db${peers}}}`;
    const given = parsePlatformSettings(text, { namespace: system });
    const made = sharedServiceNames.flatMap((name) => buildSharedNetworkPolicy(name, given, []) ?? []);
    return (name: ServiceName, port: number) => mayConnect(made, service(name), database, port);
  };

  it('is reached by the gateways at its port, and by nobody else', () => {
    const mayReach = egress('');
    assert.deepEqual(
      [mayReach('auth-gateway', 5432), mayReach('auth-gateway', 22), mayReach('cbo-engine', 5432)],
      [true, false, false],
    );
  });

  it('is looked for where the settings say it is', () => {
    assert.equal(
      egress(', peers: [{namespaceSelector: {}, podSelector: {matchLabels: {app: postgres}}}]')('auth-gateway', 5432),
      true,
    );
    assert.equal(
      egress(', peers: [{namespaceSelector: {}, podSelector: {matchLabels: {app: other}}}]')('auth-gateway', 5432),
      false,
    );
  });
});

describe('the process that holds the users', () => {
  const store: Endpoint = { namespace: system, labels: sharedServiceLabels('user-store') };

  it('is reached by the gateways and by who collects figures, and by nobody else', () => {
    for (const name of ['auth-gateway', 'monitoring'] as const)
      assert.equal(mayConnect(policies, service(name), store, 8080), true, name);
    for (const name of ['operation-node', 'query-interpreter', 'cbo-engine', 'metadata-catalog'] as const)
      assert.equal(mayConnect(policies, service(name), store, 8080), false, name);
    for (const other of [acme, stranger, { namespace: 'elsewhere', labels: sharedServiceLabels('auth-gateway') }])
      assert.equal(mayConnect(policies, other, store, 8080), false);
  });

  it('reaches none of the platform', () => {
    for (const name of sharedServiceNames)
      assert.equal(mayConnect(policies, store, service(name), services[name]), false);
    assert.equal(mayConnect(policies, store, acme, 8000), false);
  });
});
