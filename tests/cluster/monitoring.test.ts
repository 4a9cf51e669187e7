import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Labels } from '@hybridstore/controller-runtime';
import { sharedServiceNames } from '@hybridstore/operator';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { sharedServiceLabels, tenantLabels } from '../../operator/src/resources/labels.ts';

const run = promisify(execFile);
const chart = new URL('../../charts/hybridstore', import.meta.url).pathname;
const unitTests = new URL('./alerts.yaml', import.meta.url).pathname;
const folder = createTemporaryFolder('monitoring-of-the-chart');
after(() => folder[Symbol.dispose]());

type Relabeling = {
  readonly sourceLabels?: readonly string[];
  readonly separator?: string;
  readonly targetLabel: string;
  readonly replacement?: string;
};
type Endpoint = { readonly port: string; readonly interval: string; readonly relabelings: readonly Relabeling[] };
type Selector = {
  readonly matchLabels: Labels;
  readonly matchExpressions?: readonly { key: string; operator: 'NotIn'; values: readonly string[] }[];
};
type Rules = {
  readonly groups: readonly { readonly rules: readonly { readonly annotations: { readonly runbook_url: string } }[] }[];
};
type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Rules & {
    readonly endpoints?: readonly Endpoint[];
    readonly podMetricsEndpoints?: readonly Endpoint[];
    readonly namespaceSelector?: object;
    readonly selector: Selector;
  };
};

async function render(...sets: readonly string[]): Promise<readonly Manifest[]> {
  const flags = sets.flatMap((set) => ['--set-json', set]);
  const { stdout } = await run('helm', ['template', 'hs', chart, '--namespace', 'x', ...flags], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const documents = parseAllDocuments(stdout);
  for (const document of documents) assert.deepEqual(document.errors, []);
  return documents.map((document) => document.toJS() as Manifest | null).filter((one) => one !== null);
}

const kinds = ['PodMonitor', 'PrometheusRule', 'ServiceMonitor'];
const ofMonitoring = (objects: readonly Manifest[]) => objects.filter(({ kind }) => kinds.includes(kind));
const dashboardsOf = (objects: readonly Manifest[]) =>
  objects.filter(({ metadata }) => metadata.labels['grafana_dashboard'] === '1');

/** What the chart brings for Prometheus and Grafana, and that Prometheus' own tool takes the alerts and sees each one fire. */
describe('the monitoring of the chart', () => {
  it('is off by default', async () => {
    const objects = await render();
    assert.deepEqual(ofMonitoring(objects), []);
    assert.deepEqual(dashboardsOf(objects), []);
  });

  it('watches services, nodes and alerts under the labels by which a Prometheus selects', async () => {
    const objects = ofMonitoring(await render('monitoring.enabled=true', 'monitoring.labels={"release":"stack"}'));
    assert.deepEqual(objects.map(({ kind }) => kind).sort(), kinds);
    for (const { metadata } of objects) assert.equal(metadata.labels['release'], 'stack');
  });

  it('asks the port on which /metrics is, in the namespaces that are watched', async () => {
    const read = async (...sets: readonly string[]) => {
      const specs = ofMonitoring(await render('monitoring.enabled=true', ...sets)).map(({ spec }) => spec);
      const ports = specs.flatMap((spec) => [...(spec?.endpoints ?? []), ...(spec?.podMetricsEndpoints ?? [])]);
      return {
        ports: ports.map(({ port }) => port),
        namespaces: specs.find((spec) => spec?.namespaceSelector)?.namespaceSelector,
      };
    };
    assert.deepEqual(await read(), { ports: ['http', 'http'], namespaces: { any: true } });
    assert.deepEqual(await read('network.metricsPort=9900', 'operator.watchNamespaces=["one","two"]'), {
      ports: ['metrics', 'metrics'],
      namespaces: { matchNames: ['one', 'two'] },
    });
  });

  it('finds what the operator labels, each by one monitor, and calls it as the alerts do', async () => {
    const objects = await render('monitoring.enabled=true');
    const specOf = (kind: string) => objects.find((one) => one.kind === kind)?.spec ?? assert.fail(kind);
    const [services, nodes] = [specOf('ServiceMonitor'), specOf('PodMonitor')];
    const operator = objects.find(({ kind }) => kind === 'Service')?.metadata.labels ?? {};
    for (const labels of [operator, ...sharedServiceNames.map(sharedServiceLabels)]) {
      assert.deepEqual([selects(services.selector, labels), selects(nodes.selector, labels)], [true, false]);
      const job = `hybridstore/${labels['app.kubernetes.io/component']}`;
      assert.deepEqual(await relabel(services.endpoints, metaLabels('service', labels)), { job });
    }
    const labels = tenantLabels('acme');
    assert.deepEqual([selects(services.selector, labels), selects(nodes.selector, labels)], [false, true]);
    const found = { ...metaLabels('pod', labels), __meta_kubernetes_namespace: 'default' };
    assert.deepEqual(await relabel(nodes.podMetricsEndpoints, found), {
      job: 'hybridstore/tenant-node',
      tenant: 'default/acme',
    });
  });

  it('brings dashboards that are the files of the chart', async () => {
    const dashboards = dashboardsOf(await render('monitoring.dashboards.enabled=true'));
    const found = Object.assign({}, ...dashboards.map(({ data }) => data)) as Record<string, string>;
    assert.deepEqual(
      Object.keys(found).sort(),
      ['operator', 'platform', 'tenant'].map((one) => `hybridstore-${one}.json`),
    );
    for (const [name, text] of Object.entries(found))
      assert.equal(text, readFileSync(join(chart, 'files/dashboards', name.replace('hybridstore-', '')), 'utf8'));
  });

  it('has alerts that promtool takes, as they are rendered, with the runbooks where they are published', async () => {
    const base = 'https://runbooks.example.com/';
    const objects = await render('monitoring.enabled=true', `monitoring.runbookUrl=${JSON.stringify(base)}`);
    const spec = objects.find(({ kind }) => kind === 'PrometheusRule')?.spec;
    const file = join(folder.path, 'alerts.yaml');
    writeFileSync(file, stringify(spec));
    await run('promtool', ['check', 'rules', file]);
    const alerts = (spec?.groups ?? []).flatMap(({ rules }) => rules);
    assert.ok(alerts.length > 20);
    for (const { annotations } of alerts) assert.ok(annotations.runbook_url.startsWith(`${base}alerts.md#`));
  });

  it('has alerts that promtool sees fire, and be quiet', async () => {
    await run('promtool', ['test', 'rules', unitTests]);
  });

  it('lets promtool find an alert that no longer fires', async () => {
    const rules = readFileSync(join(chart, 'files/alerts.yaml'), 'utf8');
    const broken = rules.replace('hybridstore_engine_flushes_failing > 0', 'hybridstore_engine_flushes_failing > 9');
    assert.notEqual(broken, rules);
    writeFileSync(join(folder.path, 'broken.yaml'), broken);
    const tests = { ...(parse(readFileSync(unitTests, 'utf8')) as object), rule_files: ['broken.yaml'] };
    writeFileSync(join(folder.path, 'tests.yaml'), stringify(tests));
    await assert.rejects(
      run('promtool', ['test', 'rules', join(folder.path, 'tests.yaml')]),
      /HybridStoreFlushFailing/,
    );
  });
});

function selects({ matchLabels, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values }) => !values.includes(labels[key] ?? ''))
  );
}

/** Labels of an object as Prometheus finds them. */
function metaLabels(kind: 'pod' | 'service', labels: Labels): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [
      `__meta_kubernetes_${kind}_label_${name.replaceAll(/[^a-zA-Z0-9]/g, '_')}`,
      value,
    ]),
  );
}

/** Labels that Prometheus gives a target with these, by the relabelings of the one endpoint; its own tool works them out. */
async function relabel(endpoints: readonly Endpoint[] | undefined, labels: Labels): Promise<Labels> {
  const [{ relabelings } = assert.fail('no endpoint')] = endpoints ?? [];
  const config = {
    scrape_configs: [
      {
        job_name: 'x',
        static_configs: [{ targets: ['x:1'], labels }],
        relabel_configs: relabelings.map(({ sourceLabels, targetLabel, ...rest }) => ({
          ...rest,
          ...(sourceLabels === undefined ? {} : { source_labels: sourceLabels }),
          target_label: targetLabel,
        })),
      },
    ],
  };
  const file = join(folder.path, 'prometheus.yaml');
  writeFileSync(file, stringify(config));
  const { stdout } = await run('promtool', ['check', 'service-discovery', '--timeout=1s', file, 'x']);
  const [target] = JSON.parse(stdout) as { readonly labels: Labels }[]; // promtool's own answer
  const kept = Object.entries(target?.labels ?? {}).filter(([name]) => !name.startsWith('__') && name !== 'instance');
  return Object.fromEntries(kept);
}
