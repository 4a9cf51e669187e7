import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { parse, parseAllDocuments, stringify } from 'yaml';

const run = promisify(execFile);
const chart = new URL('../../charts/hybridstore', import.meta.url).pathname;
const unitTests = new URL('./alerts.yaml', import.meta.url).pathname;
const folder = createTemporaryFolder('monitoring-of-the-chart');
after(() => folder[Symbol.dispose]());

type Endpoint = { readonly port: string; readonly interval: string };
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
