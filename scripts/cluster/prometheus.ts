import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyObjects, tryRunInside } from './inside.ts';
import type { ClusterLayout } from './layout.ts';
import { endProcess, findProcess, startProcess, waitForComponent } from './processes.ts';
import { targetsFile } from './prometheus-targets.ts';
import { serviceToProcess, userRole } from './service-objects.ts';

const prometheusName = 'prometheus';
const targetsName = 'prometheus-targets';
const prometheusPort = 9090;
const scrapeInterval = '2s';
const startTimeoutMs = 30_000;
const endGraceMs = 5_000;

/**
 * Debian's Prometheus as a process of the first node. It scrapes the pods labelled
 * `app.kubernetes.io/part-of=hybridstore` and annotated `prometheus.io/scrape: "true"`, at the port of
 * `prometheus.io/port` and the path of `prometheus.io/path` (default /metrics); `prometheus-targets.ts` finds them.
 * Every sample carries `namespace`, `pod`, `node` and the pod's labels. Pods reach it at
 * this address.
 */
export const clusterPrometheusUrl = `http://prometheus.monitoring.svc:${prometheusPort}`;

/** They come and go while the cluster runs. */
export const prometheusProcesses = [prometheusName, targetsName];

/** The configuration file; JSON is YAML. */
export function prometheusConfig(layout: ClusterLayout): string {
  const config = {
    global: { scrape_interval: scrapeInterval, scrape_timeout: scrapeInterval, evaluation_interval: scrapeInterval },
    scrape_configs: [
      {
        job_name: 'hybridstore',
        file_sd_configs: [{ files: [targetsFile(layout)] }],
      },
    ],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function prometheusObjects(layout: ClusterLayout): object[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'monitoring' } },
    ...userRole(prometheusName, [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }]),
    ...serviceToProcess({
      name: prometheusName,
      namespace: 'monitoring',
      address: layout.nodes[0].address,
      ports: [{ name: 'http', protocol: 'TCP', port: prometheusPort }],
    }),
  ];
}

/** Starts Prometheus with no data, and returns its address inside the cluster when it is ready. */
export async function startPrometheus(layout: ClusterLayout): Promise<string> {
  await stopPrometheus(layout);
  rmSync(layout.prometheusFolder, { recursive: true, force: true });
  mkdirSync(layout.prometheusFolder, { recursive: true });
  const configFile = join(layout.prometheusFolder, 'prometheus.json');
  writeFileSync(configFile, prometheusConfig(layout));
  await applyObjects(layout, prometheusObjects(layout));
  const address = `${layout.nodes[0].address}:${prometheusPort}`;
  const data = `--storage.tsdb.path=${join(layout.prometheusFolder, 'data')}`;
  const record = startProcess(layout, {
    name: prometheusName,
    command: 'prometheus',
    args: [`--config.file=${configFile}`, data, `--web.listen-address=${address}`, '--web.enable-lifecycle'],
    node: layout.nodes[0],
  });
  const script = new URL('./prometheus-targets.ts', import.meta.url).pathname;
  const targetArguments = [script, layout.stateFolder];
  startProcess(layout, { name: targetsName, command: process.execPath, args: targetArguments, node: layout.nodes[0] });
  await waitForComponent(layout, {
    record,
    what: `an answer at ${clusterPrometheusUrl}`,
    timeoutMs: startTimeoutMs,
    probe: async () => (await queryReady(layout)).includes('Ready'),
  });
  return clusterPrometheusUrl;
}

/** Ends Prometheus when it runs. */
export async function stopPrometheus(layout: ClusterLayout): Promise<void> {
  for (const name of prometheusProcesses) {
    const record = findProcess(layout, name);
    if (record !== undefined) await endProcess(record, endGraceMs);
  }
}

async function queryReady(layout: ClusterLayout): Promise<string> {
  return (await fetchInside(layout, `${clusterPrometheusUrl}/-/ready`)).trim();
}

/** Value of an instant PromQL query: Prometheus's own `data.result`. */
export async function queryPrometheus(layout: ClusterLayout, query: string): Promise<readonly object[]> {
  const text = await fetchInside(layout, `${clusterPrometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`);
  // Prometheus's documented answer; `status` is checked before the rest is used.
  const answer = JSON.parse(text) as { status: string; error?: string; data: { result: readonly object[] } };
  if (answer.status !== 'success') throw new Error(`Prometheus refused ${query}: ${answer.error}`);
  return answer.data.result;
}

/** Text of a URL inside the cluster, asked by this Node in the first node's namespace. */
export async function fetchInside(layout: ClusterLayout, url: string): Promise<string> {
  const script =
    'process.stdout.write(await (await fetch(process.argv[1], {signal: AbortSignal.timeout(5000)})).text())';
  const args = ['--input-type=module', '-e', script, url];
  const result = await tryRunInside(layout, process.execPath, args);
  if (result.code !== 0) throw new Error(`cannot fetch ${url}: ${result.stderr.trim().slice(-500)}`);
  return result.stdout;
}
