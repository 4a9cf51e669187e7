import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sharedServiceNames } from '@hybridstore/operator';
import {
  type Cluster,
  describeCluster,
  importImages,
  inCluster,
  NETWORK_CLASS,
  PROMETHEUS_URL,
  RWX_CLASS,
  spawnInCluster,
  startCluster,
  startPrometheus,
  stopCluster,
  stopPrometheus,
} from './cluster/cluster.ts';
import { buildProductImages } from './cluster/images.ts';
import { createProgress } from './cluster/progress.ts';

/**
 * `npm run test:cluster`: the end-to-end suite and what only a cluster can show, on a real Kubernetes API server with
 * real kubelets. With KUBECONFIG set, on that cluster, where the chart is installed (docs/operating/local-cluster.md says
 * what else it needs); else on the local cluster, which is booted, filled and taken down again. `--keep` leaves it running.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const namespace = 'hybridstore-system';
/** Against the API server alone: an operator would change the objects under the test. */
const apiServerSuites = ['tests/cluster/chart.test.ts', 'tests/cluster/api-server.test.ts'];
const suites = ['tests/e2e/main.test.ts', 'tests/cluster/operations.test.ts'];
const given = process.env['KUBECONFIG'];

async function main(): Promise<number> {
  if (given)
    return runSuites(
      (command, env) =>
        spawn(command[0] ?? '', command.slice(1), { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }),
      {},
    );
  const progress = createProgress();
  const cluster = await startCluster({ progress });
  try {
    const images = await buildProductImages({ progress });
    await progress('images on both nodes', () =>
      importImages(
        cluster,
        images.map((image) => image.archive),
      ),
    );
    await progress('Prometheus', () => startPrometheus(cluster));
    const values = writeValues();
    const start: Spawn = (command, env) =>
      spawnInCluster(cluster, command, { spawn: { cwd: root, stdio: 'inherit', env } });
    await inCluster(cluster, ['kubectl', 'create', '-f', join(root, 'crds')]);
    const apiServerCode = await runSuites(start, { KUBECONFIG: cluster.kubeconfigPath }, apiServerSuites);
    await inCluster(cluster, ['kubectl', 'delete', '-f', join(root, 'crds')]);
    await progress('chart installed', () => install(cluster, values));
    await progress('examples applied', () => inCluster(cluster, ['kubectl', 'apply', '-f', join(root, 'examples')]));
    await progress('example tenant Ready', () =>
      inCluster(cluster, ['kubectl', 'wait', '--for=condition=Ready', 'tenant/acme', '--timeout=60s'], {
        timeoutMs: 70_000,
      }),
    );
    const code = await runSuites(start, {
      HYBRIDSTORE_CHART_VALUES: values,
      HYBRIDSTORE_E2E_LOG_CLASS: NETWORK_CLASS,
      HYBRIDSTORE_E2E_DATA_CLASS: RWX_CLASS,
      KUBECONFIG: cluster.kubeconfigPath,
      PROMETHEUS_URL,
    });
    if (code !== 0) process.stderr.write(await describeCluster(cluster));
    return code || apiServerCode;
  } catch (error) {
    process.stderr.write(
      `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n${await describeCluster(cluster)}`,
    );
    return 1;
  } finally {
    if (!process.argv.includes('--keep')) {
      await stopPrometheus(cluster);
      await stopCluster(cluster);
    }
  }
}

function writeValues(): string {
  const path = join(root, '.hybridstore', 'test-values.json');
  mkdirSync(join(root, '.hybridstore'), { recursive: true });
  const values = {
    image: { pullPolicy: 'Never' },
    storage: {
      logStorageClassName: NETWORK_CLASS,
      dataStorageClassName: RWX_CLASS,
      stateStorageClassName: NETWORK_CLASS,
    },
    prometheus: { url: PROMETHEUS_URL },
  };
  writeFileSync(path, JSON.stringify(values));
  return path;
}

async function install(cluster: Cluster, values: string): Promise<void> {
  await inCluster(
    cluster,
    [
      'helm',
      'install',
      'hybridstore',
      join(root, 'charts', 'hybridstore'),
      '--namespace',
      namespace,
      '--create-namespace',
      '--values',
      values,
      '--wait',
      '--timeout',
      '120s',
    ],
    { timeoutMs: 130_000 },
  );
  // The operator makes the shared services: they are there a moment after it is.
  for (const service of sharedServiceNames)
    await inCluster(
      cluster,
      ['sh', '-c', `until kubectl -n ${namespace} get deployment ${service} 2>/dev/null; do sleep 0.2; done`],
      { timeoutMs: 60_000 },
    );
  for (const service of sharedServiceNames)
    await inCluster(
      cluster,
      ['kubectl', '-n', namespace, 'rollout', 'status', `deployment/${service}`, '--timeout=120s'],
      { timeoutMs: 130_000 },
    );
}

type Spawn = (command: readonly string[], env: Readonly<Record<string, string>>) => ReturnType<typeof spawn>;

/** One file after the other: they share the cluster. Every file runs, and the first failure's code is the result. */
async function runSuites(
  start: Spawn,
  env: Readonly<Record<string, string>>,
  files: readonly string[] = suites,
): Promise<number> {
  const child = start([process.execPath, '--test', '--test-concurrency=1', '--test-timeout=1200000', ...files], {
    HYBRIDSTORE_E2E: 'kubernetes',
    ...env,
  });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

process.exit(await main());
