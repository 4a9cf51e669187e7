import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { chart, everything, helm, type Manifest, namespace, render, toFlag } from './rendered-chart.ts';

const run = promisify(execFile);
type Container = { readonly env: readonly { readonly name: string; readonly value?: string }[] };
type PodTemplate = { readonly template?: { readonly spec?: { readonly containers: readonly Container[] } } };
type Values = { readonly [name: string]: unknown };

/** For every value of values.yaml another one, which must show. */
const others: Readonly<Record<string, unknown>> = {
  'image.operator': 'other:1',
  'image.services': 'other:1',
  'image.pullPolicy': 'Always',
  'image.pullSecrets': ['one'],
  'crds.install': false,
  'operator.replicas': 2,
  'operator.leaderElection': false,
  'operator.watchNamespaces': ['one'],
  'operator.admissionPolicy': false,
  'operator.resources.requests.cpu': '51m',
  'operator.resources.requests.memory': '129Mi',
  'operator.resources.limits.memory': '513Mi',
  'operator.nodeSelector': { zone: 'a' },
  'operator.tolerations': [{ key: 'a', operator: 'Exists' }],
  'operator.affinity': { nodeAffinity: {} },
  'operator.podTemplate': { metadata: { labels: { team: 'a' } } },
  'operator.serviceAccount.annotations': { a: 'b' },
  'podSecurity.assignIds': false,
  'preventDeletion.admissionPolicy': false,
  logLevel: 'warn',
  shutdownDelaySeconds: 7,
  shutdownFinishSeconds: 90,
  maxTenantsRolling: 3,
  'storage.logStorageClassName': 'fast',
  'storage.dataStorageClassName': 'fast',
  'storage.stateStorageClassName': 'fast',
  'store.postgres': { host: 'db.example.com', credentialsSecret: 'users-db' },
  'prometheus.url': 'http://p:9090',
  'prometheus.namespaceLabel': 'ns',
  'prometheus.podLabel': 'instance',
  'monitoring.enabled': false,
  'monitoring.labels': { release: 'stack' },
  'monitoring.interval': '15s',
  'monitoring.runbookUrl': 'https://runbooks.example.com/',
  'monitoring.dashboards.enabled': false,
  'network.policies': false,
  'network.dns': [{ podSelector: {} }],
  'network.prometheus': [{ podSelector: {} }],
  'network.gatewayClients': [{ podSelector: {} }],
  'network.tenantClients': [{ podSelector: {} }],
  'network.metricsPort': 9_900,
  'ingress.enabled': false,
  'ingress.className': 'nginx',
  'ingress.host': 'example.com',
  'ingress.tlsSecret': 'tls',
  'ingress.annotations': { a: 'b' },
  services: { monitoring: { enabled: false } },
  config: { 'auth-gateway': { JWT_EXPIRATION_HOURS: 48 } },
};

/** With an Ingress and Prometheus, without which their other values have nothing to show in. */
async function renderAll(...sets: readonly string[]): Promise<string> {
  return (await render('ingress.enabled=true', 'prometheus.url="http://other:9090"', ...monitored, ...sets)).yaml;
}

const monitored = ['monitoring.enabled=true', 'monitoring.dashboards.enabled=true'];

/** Paths of the values that are no maps of others. */
function leavesOf(values: Values, path = ''): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    return isMap ? leavesOf(value as Values, `${path}${name}.`) : [`${path}${name}`]; // a map, as was just seen
  });
}

/** What the chart renders, refuses and asks for, and that the API server takes it in a namespace of restricted pods. */
describe('the chart', () => {
  it('passes helm lint --strict, as it is and with everything on', async () => {
    for (const sets of [[], everything]) {
      const { code, text } = await helm('lint', '--strict', chart, ...sets.flatMap(toFlag));
      assert.equal(code, 0, text);
      assert.doesNotMatch(text, /\[(WARNING|ERROR)\]/);
    }
  });

  const refused: readonly [set: string, place: string][] = [
    ['logLevel="loud"', '/logLevel'],
    ['maxTenantsRolling=0', '/maxTenantsRolling'],
    ['operator.replica=2', '/operator'],
    ['operator.replicas=-1', '/operator/replicas'],
    ['operator.replicas=11', '/operator/replicas'],
    ['operator.watchNamespaces=["Not_A_Namespace"]', '/operator/watchNamespaces/0'],
    [`operator.watchNamespaces=${JSON.stringify(Array(17).fill('a'))}`, '/operator/watchNamespaces'],
    ['image.services=""', '/image/services'],
    ['image.pullPolicy="Sometimes"', '/image/pullPolicy'],
    ['prometheus.url="prometheus:9090"', '/prometheus/url'],
    ['services.unknown={"replicas":1}', '/services'],
    ['services.auth-gateway={"replica":1}', '/services/auth-gateway'],
    ['services.auth-gateway.replicas=6', '/services/auth-gateway/replicas'],
    ['services.auth-gateway.replicas=0', '/services/auth-gateway/replicas'],
    ['services.metadata-catalog.replicas=2', '/services/metadata-catalog/replicas'],
    ['services.monitoring.replicas=2', '/services/monitoring/replicas'],
    ['services.monitoring.replicas=0', '/services/monitoring/replicas'],
    ['store.postgres={"host":"db"}', '/store/postgres'],
    ['services.cbo-engine.stateSize="1Gi"', '/services/cbo-engine'],
    ['services.cbo-engine.env.PROBE_PORT=1', '/services/cbo-engine/env/PROBE_PORT'],
    ['services.cbo-engine.env.LOG_LEVEL="debug"', '/services/cbo-engine/env/LOG_LEVEL'],
    ['services.cbo-engine.resources.limts={}', '/services/cbo-engine/resources'],
    ['config.auth-gateway.JWT_EXPIRATON_HOURS=48', '/config/auth-gateway'],
    ['config.auth-gateway.FLUSH_ROWS=48', '/config/auth-gateway'],
    ['config.auth-gateway.JWT_EXPIRATION_HOURS={}', '/config/auth-gateway/JWT_EXPIRATION_HOURS'],
    ['config.tenant-node.MAX_CONCURRENT_SEARCHES=5', '/config/tenant-node'],
    ['config.query-interpreter.sql_parser.dialec="duckdb"', '/config/query-interpreter/sql_parser'],
    ['config.operator={}', '/config'],
    ['network.dns=[{"podselector":{}}]', '/network/dns/0'],
    ['operator={"leaderElection":false,"replicas":2}', '/operator/replicas'],
    ['monitoring.enable=true', '/monitoring'],
    ['monitoring.interval="0s"', '/monitoring/interval'],
    ['monitoring.runbookUrl="https://runbooks.example.com"', '/monitoring/runbookUrl'],
    ['monitoring.dashboards.labels={}', '/monitoring/dashboards'],
    ['network.policies="yes"', '/network/policies'],
    ['ingress.hosts=[]', '/ingress'],
    ['network.metricsPort=8080', '/network/metricsPort'],
    ['network.metricsPort=9800', '/network/metricsPort'],
    ['podSecurity.assignId=false', '/podSecurity'],
    ['services.monitoring.podTemplate.spec.hostNetwork=true', '/services/monitoring/podTemplate/spec'],
    [
      'services.monitoring.podTemplate.metadata.labels={"app.kubernetes.io/name":"x"}',
      '/services/monitoring/podTemplate/metadata/labels/app.kubernetes.io~1name',
    ],
    [
      'services.monitoring.podTemplate.spec.env=[{"name":"POD_NAME","value":"x"}]',
      '/services/monitoring/podTemplate/spec/env/0/name',
    ],
    [
      'operator.podTemplate.spec.env=[{"name":"WATCH_NAMESPACES","value":"x"}]',
      '/operator/podTemplate/spec/env/0/name',
    ],
    [
      'operator.podTemplate.spec.terminationGracePeriodSeconds=5',
      '/operator/podTemplate/spec/terminationGracePeriodSeconds',
    ],
    [
      'services.cbo-engine.serviceAccount.annotations={"hybridstore.dev/x":"y"}',
      '/services/cbo-engine/serviceAccount/annotations/hybridstore.dev~1x',
    ],
    ['nothing=true', ''],
  ];
  for (const [set, place] of refused)
    it(`refuses ${set} and names the place`, async () => {
      const { code, text } = await helm('template', 'hs', chart, '--set-json', set);
      assert.notEqual(code, 0);
      assert.ok(text.includes(`at '${place}'`), text);
    });

  it('changes what it renders with every value that values.yaml names', async () => {
    const before = await renderAll();
    for (const [path, value] of Object.entries(others))
      assert.notEqual(await renderAll(`${path}=${JSON.stringify(value)}`), before, path);
    const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as Values; // as YAML has it
    assert.deepEqual(leavesOf(values).sort(), Object.keys(others).sort());
  });

  it('takes the values of the page about installing', async () => {
    const page = readFileSync(new URL('../../docs/operating/install.md', import.meta.url), 'utf8');
    const [, text = ''] = /^```yaml\n([\s\S]*?)^```/m.exec(page) ?? [];
    const sets = Object.entries(parse(text) as Values).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    assert.ok(sets.length > 3);
    const found = new Set((await render(...sets)).objects.map(({ kind }) => kind));
    for (const kind of ['Deployment', 'ServiceMonitor', 'PodMonitor', 'PrometheusRule'])
      assert.ok(found.has(kind), kind);
  });

  it('spreads the operator’s pods over zones and machines, those without a zone too', async () => {
    const deployment = (await render()).objects.find(({ kind }) => kind === 'Deployment');
    const spec = templateOf(deployment ?? assert.fail('no Deployment')).spec as Values;
    const labelSelector = {
      matchLabels: { 'app.kubernetes.io/instance': 'hs', 'app.kubernetes.io/component': 'operator' },
    };
    assert.deepEqual(
      spec['topologySpreadConstraints'],
      ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector,
      })),
    );
    const podAffinityTerm = { labelSelector, topologyKey: 'kubernetes.io/hostname' };
    assert.deepEqual(spec['affinity'], {
      podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] },
    });
  });

  it('puts the template of the operator’s pods around what it says itself', async () => {
    const template = {
      metadata: { labels: { team: 'data' }, annotations: { 'example.com/owner': 'ops' } },
      spec: {
        nodeSelector: { disk: 'nvme' },
        tolerations: [{ operator: 'Exists' }],
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' }],
        priorityClassName: 'high',
        imagePullSecrets: [{ name: 'own' }],
        env: [{ name: 'TZ', value: 'UTC' }],
        securityContext: {},
        dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
        terminationGracePeriodSeconds: 45,
      },
    };
    const { objects } = await render(
      `operator.podTemplate=${JSON.stringify(template)}`,
      'operator.nodeSelector={"disk":"slow"}',
      'image.pullSecrets=["shared","own"]',
    );
    const deployment = objects.find(({ kind }) => kind === 'Deployment') ?? assert.fail('no Deployment');
    const { metadata, spec } = templateOf(deployment) as {
      metadata: { labels: Values; annotations: Values };
      spec: Values & { containers: readonly Container[] };
    };
    assert.deepEqual([metadata.labels['team'], metadata.labels['app.kubernetes.io/component']], ['data', 'operator']);
    assert.equal(metadata.annotations['example.com/owner'], 'ops');
    const { nodeSelector, tolerations, priorityClassName, dnsConfig, terminationGracePeriodSeconds } = template.spec;
    const placed = { nodeSelector, tolerations, priorityClassName, dnsConfig, terminationGracePeriodSeconds };
    assert.deepEqual(Object.fromEntries(Object.keys(placed).map((name) => [name, spec[name]])), placed);
    const selector = { 'app.kubernetes.io/instance': 'hs', 'app.kubernetes.io/component': 'operator' };
    assert.deepEqual(spec['topologySpreadConstraints'], [
      { ...template.spec.topologySpreadConstraints[0], labelSelector: { matchLabels: selector } },
    ]);
    assert.deepEqual(spec['imagePullSecrets'], [{ name: 'shared' }, { name: 'own' }]);
    assert.deepEqual(spec.containers[0]?.env.at(-1), { name: 'TZ', value: 'UTC' });
    assert.deepEqual(spec['securityContext'], { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  });

  it('brings three definitions that an uninstall leaves, or none when its values say so', async () => {
    const definitions = ({ objects }: { objects: readonly Manifest[] }) =>
      objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
    const brought = definitions(await render());
    assert.equal(brought.length, 3);
    for (const { metadata } of brought) assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep');
    assert.deepEqual(definitions(await render('crds.install=false')), []);
  });

  it('gives no right to everything, and lets nobody read secrets but by their names', async () => {
    const rules = (await render()).objects.flatMap((object) => object.rules ?? []);
    assert.ok(rules.length > 0);
    for (const rule of rules) {
      assert.deepEqual(
        [...rule.apiGroups, ...rule.resources, ...rule.verbs].filter((word) => word.includes('*')),
        [],
      );
      if (rule.resources.includes('secrets'))
        assert.deepEqual(
          rule.verbs.filter((verb) => verb !== 'create' && (rule.resourceNames ?? []).length === 0),
          [],
        );
      assert.deepEqual(
        rule.verbs.filter((verb) => rule.resources.includes('secrets') && ['list', 'watch'].includes(verb)),
        [],
      );
      assert.deepEqual(
        rule.verbs.filter((verb) => ['escalate', 'bind', 'impersonate'].includes(verb)),
        [],
      );
    }
  });

  it('gives the operator a role in each watched namespace, and then nothing in the whole cluster', async () => {
    const { objects } = await render('operator.watchNamespaces=["one","two"]');
    const roles = objects.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata.namespace);
    assert.deepEqual(roles, ['one', 'two', namespace]);
    const bindings = objects.filter(({ kind }) => kind === 'RoleBinding').map(({ metadata }) => metadata.namespace);
    assert.deepEqual(bindings, roles);
    assert.deepEqual(
      objects.filter(({ kind }) => kind === 'ClusterRoleBinding'),
      [],
    );
  });

  it('hands the values to the operator', async () => {
    const { objects } = await render('operator.watchNamespaces=["one","two"]', 'prometheus.url="http://p:9090"');
    const env = objects
      .filter(({ kind }) => kind === 'Deployment')
      .flatMap(({ spec }) => (spec as PodTemplate).template?.spec?.containers.flatMap(({ env }) => env) ?? []);
    const read = (name: string) => env.find((one) => one.name === name)?.value;
    assert.equal(read('WATCH_NAMESPACES'), 'one,two');
    assert.equal(read('PROMETHEUS_URL'), 'http://p:9090');
  });

  describe('at the API server', () => {
    before(async () => {
      await run('kubectl', ['create', 'namespace', namespace]);
      const restricted = ['enforce', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
      await run('kubectl', ['label', 'namespace', namespace, ...restricted]);
    });
    after(() => run('kubectl', ['delete', 'namespace', namespace, '--wait=false']));

    it('is taken whole, without a warning about its pods', async () => {
      for (const watched of [[], [namespace]]) {
        const flag = `operator.watchNamespaces=${JSON.stringify(watched)}`;
        const { yaml, objects } = await render('crds.install=false', flag);
        const { stdout, stderr } = await kubectlApply(yaml);
        assert.equal(stderr, '');
        assert.equal(stdout.trim().split('\n').length, objects.length);
      }
    });
  });
});

function kubectlApply(input: string): Promise<{ stdout: string; stderr: string }> {
  const child = spawn('kubectl', ['apply', '--server-side', '--dry-run=server', '--namespace', namespace, '-f', '-']);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve({ stdout, stderr }));
  });
}

function templateOf({ spec }: Manifest): { readonly metadata?: unknown; readonly spec?: unknown } {
  return (spec as { readonly template?: { readonly metadata?: unknown; readonly spec?: unknown } }).template ?? {};
}
