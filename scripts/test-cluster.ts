import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sharedServiceNames } from '@hybridstore/operator';
import { prepareLinter } from './cluster/binaries.ts';
import {
  clusterPrometheusUrl,
  describeCluster,
  importImages,
  inCluster,
  networkClass,
  rwxClass,
  spawnInCluster,
  startCluster,
  startPrometheus,
  stopCluster,
  stopPrometheus,
} from './cluster/cluster.ts';
import { buildProductImages } from './cluster/images.ts';
import { tryRunInside } from './cluster/inside.ts';
import { createProgress, type Progress } from './cluster/progress.ts';
import { type RunOptions, type RunResult, run, tryRun } from './cluster/run.ts';
import { readScriptArguments } from './script-arguments.ts';

/**
 * `npm run test:cluster`: the end-to-end suite and what only a cluster can show, on a real Kubernetes API server with
 * real kubelets. With KUBECONFIG set, on that cluster (docs/operating/local-cluster.md says what it needs); else on the
 * local one, which is booted, filled and taken down again. What it installs it takes away; `--keep` leaves it.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const namespace = 'hybridstore-system';
/** Against the API server alone: an operator would change the objects under the test. */
const apiServerSuites = [
  'chart',
  'lint',
  'rights',
  'admission-policies',
  'monitoring',
  'kubectl-plugin',
  'api-server',
  'pods',
].map((name) => `tests/cluster/${name}.test.ts`);
const suites = [
  'tests/e2e/main.test.ts',
  ...['restarts', 'node-loss', 'rollouts', 'failures', 'operations'].map((name) => `tests/cluster/${name}.test.ts`),
];
const ours = ['--selector', 'app.kubernetes.io/part-of=hybridstore', '--all-namespaces'];
const { values: flags } = readScriptArguments(
  {
    call: 'npm run test:cluster --',
    does: 'Runs the end-to-end suite on a real Kubernetes: the cluster of KUBECONFIG, or a local one that is booted for it.',
    options: { keep: { type: 'boolean', does: 'leave what was installed, and the local cluster' } },
    variables: {
      KUBECONFIG: 'the cluster to use (docs/operating/local-cluster.md says what it needs)',
      HYBRIDSTORE_CHART_VALUES: 'values file of the chart, with KUBECONFIG',
    },
  },
  process.argv.slice(2),
);
const isKept = flags.keep ?? false;

/** Commands on a cluster: they find kubectl and helm, and KUBECONFIG names the cluster. */
interface ClusterShell {
  run(command: readonly string[], options?: RunOptions): Promise<string>;
  tryRun(command: readonly string[], options?: RunOptions): Promise<RunResult>;
  spawn(command: readonly string[], env: Readonly<Record<string, string>>): ChildProcess;
}

async function main(): Promise<number> {
  return process.env['KUBECONFIG'] ? testGivenCluster() : testLocalCluster();
}

async function testLocalCluster(): Promise<number> {
  const progress = createProgress();
  const cluster = await startCluster({ progress });
  const shell: ClusterShell = {
    run: (command, options) => inCluster(cluster, command, options),
    tryRun: ([command = '', ...args], options) => tryRunInside(cluster, command, args, options),
    spawn: (command, env) =>
      spawnInCluster(cluster, command, {
        spawn: { cwd: root, stdio: 'inherit', env: { KUBECONFIG: cluster.kubeconfigPath, ...env } },
      }),
  };
  try {
    const images = await buildProductImages({ progress });
    await progress('images on both nodes', () =>
      importImages(
        cluster,
        images.map((image) => image.archive),
      ),
    );
    await progress('Prometheus', () => startPrometheus(cluster));
    const env = {
      HYBRIDSTORE_CHART_VALUES: writeValues(),
      HYBRIDSTORE_E2E_LOG_CLASS: networkClass,
      HYBRIDSTORE_E2E_DATA_CLASS: rwxClass,
      PROMETHEUS_URL: clusterPrometheusUrl,
    };
    return await explained(shell, () => test(shell, progress, env));
  } finally {
    if (!isKept) {
      await stopPrometheus(cluster);
      await stopCluster(cluster);
    }
  }
}

async function testGivenCluster(): Promise<number> {
  const progress = createProgress();
  const shell: ClusterShell = {
    run: ([command = '', ...args], options) => run(command, args, options),
    tryRun: ([command = '', ...args], options) => tryRun(command, args, options),
    spawn: ([command = '', ...args], env) =>
      spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }),
  };
  const installed = await shell.tryRun(['helm', 'status', 'hybridstore', '--namespace', namespace]);
  if (installed.code === 0) {
    process.stdout.write('hybridstore is installed already: suites that need a cluster without it are left out\n');
    return explained(shell, () => runSuites(shell, {}, suites));
  }
  const kept = await findKept(shell);
  if (kept.length > 0) {
    process.stderr.write(`expected a cluster without HybridStore, found ${kept.join(', ')}; nothing was done\n`);
    return 1;
  }
  try {
    const values = process.env['HYBRIDSTORE_CHART_VALUES'] ?? '';
    return await explained(shell, () => test(shell, progress, { HYBRIDSTORE_CHART_VALUES: values }));
  } finally {
    if (!isKept) await progress('all of it taken away', () => takeAway(shell));
  }
}

/** What an uninstall leaves: definitions with their tenants, keys and users, volumes. It is somebody's, and must not be taken away at the end. */
async function findKept(shell: ClusterShell): Promise<readonly string[]> {
  const find = (...what: readonly string[]) =>
    shell.run(['kubectl', 'get', ...what, '--ignore-not-found', '--output', 'name']);
  const found = [
    await find('customresourcedefinitions', 'tenants.hybridstore.dev'),
    await find('namespaces', namespace),
    await find('persistentvolumeclaims', ...ours),
  ];
  return found.join('').split('\n').filter(Boolean);
}

/** The whole way, from a cluster that knows nothing of us. */
async function test(
  shell: ClusterShell,
  progress: Progress,
  env: Readonly<Record<string, string>> & { readonly HYBRIDSTORE_CHART_VALUES: string },
): Promise<number> {
  await prepareLinter(progress);
  await shell.run(['kubectl', 'create', '-f', join(root, 'crds')]);
  const apiServerCode = await runSuites(shell, {}, apiServerSuites);
  await shell.run(['kubectl', 'delete', '-f', join(root, 'crds')]);
  await progress('chart installed', () => install(shell, env.HYBRIDSTORE_CHART_VALUES));
  await progress('examples applied', () => shell.run(['kubectl', 'apply', '-f', join(root, 'examples')]));
  await progress('example tenant Ready', () =>
    shell.run(['kubectl', 'wait', '--for=condition=Ready', 'tenant/acme', '--timeout=60s'], { timeoutMs: 70_000 }),
  );
  return (await runSuites(shell, env, suites)) || apiServerCode;
}

/** What fails, by an error or by a code, is followed by the objects, events and logs of the cluster. */
async function explained(shell: ClusterShell, work: () => Promise<number>): Promise<number> {
  let code = 1;
  try {
    code = await work();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
  if (code !== 0)
    process.stderr.write(await describeCluster((args, options) => shell.tryRun(['kubectl', ...args], options)));
  return code;
}

/** With the volumes that deleted tenants keep, and with the definitions, which an uninstall leaves. */
async function takeAway(shell: ClusterShell): Promise<void> {
  const remove = async (...command: readonly string[]) => {
    const { code, stderr } = await shell.tryRun(command);
    if (code !== 0) process.stderr.write(`not taken away: ${command.join(' ')} ended with ${code}: ${stderr}`);
  };
  const ignore = ['--ignore-not-found', '--timeout=120s'];
  for (const kind of ['compactionpolicies', 'datasources', 'tenants'])
    await remove('kubectl', 'delete', kind, '--all', '--all-namespaces', ...ignore);
  await remove('helm', 'uninstall', 'hybridstore', '--namespace', namespace, '--wait');
  await remove('kubectl', 'delete', '-f', join(root, 'crds'), ...ignore);
  await remove('kubectl', 'delete', 'persistentvolumeclaims', ...ours, ...ignore);
  await remove('kubectl', 'delete', 'namespace', namespace, ...ignore);
}

function writeValues(): string {
  const path = join(root, '.hybridstore', 'test-values.json');
  mkdirSync(join(root, '.hybridstore'), { recursive: true });
  const values = {
    image: { pullPolicy: 'Never' },
    storage: {
      logStorageClassName: networkClass,
      dataStorageClassName: rwxClass,
      stateStorageClassName: networkClass,
    },
    prometheus: { url: clusterPrometheusUrl },
  };
  writeFileSync(path, JSON.stringify(values));
  return path;
}

async function install(shell: ClusterShell, values: string): Promise<void> {
  const release = ['hybridstore', join(root, 'charts', 'hybridstore'), '--namespace', namespace, '--create-namespace'];
  const settings = values === '' ? [] : ['--values', values];
  await shell.run(['helm', 'install', ...release, ...settings, '--wait', '--timeout', '120s'], { timeoutMs: 130_000 });
  // The operator makes the shared services: they are there a moment after it is.
  const workloads = [...sharedServiceNames, 'user-store'];
  for (const service of workloads)
    await shell.run(
      ['sh', '-c', `until kubectl -n ${namespace} get deployment ${service} 2>/dev/null; do sleep 0.2; done`],
      { timeoutMs: 60_000 },
    );
  for (const service of workloads)
    await shell.run(['kubectl', '-n', namespace, 'rollout', 'status', `deployment/${service}`, '--timeout=120s'], {
      timeoutMs: 130_000,
    });
}

/** One file after the other: they share the cluster. Every file runs, and the first failure's code is the result. */
async function runSuites(
  shell: ClusterShell,
  env: Readonly<Record<string, string>>,
  files: readonly string[],
): Promise<number> {
  const command = [process.execPath, '--test', '--test-concurrency=1', '--test-timeout=1200000', ...files];
  const child = shell.spawn(command, { HYBRIDSTORE_E2E: 'kubernetes', ...env });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

process.exit(await main());
