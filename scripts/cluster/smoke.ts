import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { listPids } from './cgroups.ts';
import {
  applyObjects,
  type Cluster,
  clusterPrometheusUrl,
  cutNode,
  describeCluster,
  fetchInside,
  healNode,
  importImages,
  inCluster,
  layoutCluster,
  queryPrometheus,
  startCluster,
  startPrometheus,
  stopCluster,
  stopPrometheus,
} from './cluster.ts';
import { packageClosure, packageFiles } from './image-files.ts';
import { buildImage, type ImageSpec, launcherFile } from './images.ts';
import { tryRunInside } from './inside.ts';
import { repositoryFolder } from './layout.ts';
import { createProgress } from './progress.ts';
import { smokeNamespace, smokeObjects } from './smoke/objects.ts';
import { listVolume } from './volumes.ts';

/**
 * Proves that the local cluster is one: boots it from nothing, deploys a small StatefulSet with an image of the image
 * builder, and checks what the end-to-end tests will lean on. Ends the cluster and checks that nothing is left.
 *
 *     node scripts/cluster/smoke.ts [--rounds N] [--state DIR]
 */
const waitMs = 90_000;
const pollMs = 250;
/** Enough tries that missing one of two pods by chance does not happen (2⁻³⁹). */
const serviceTries = 40;

/** Packages outside of the bundles, and the workspaces that ask for them. */
const nativePackages = [
  ['@duckdb/node-api', 'services/tenant-node'],
  ['@node-rs/argon2', 'services/auth-gateway'],
  ['bcrypt', 'services/auth-gateway'],
  ['@polyglot-sql/sdk', 'services/query-interpreter'],
] as const;

const progress = createProgress();

/** Waits until the check passes; its last failure is the error. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await delay(pollMs);
  }
}

function kubectl(cluster: Cluster, ...args: string[]): Promise<string> {
  return inCluster(cluster, ['kubectl', '-n', smokeNamespace, ...args]);
}

/** Runs a script (an ES module) in a pod with the pod's own Node. */
function inPod(cluster: Cluster, pod: string, script: string): Promise<string> {
  return kubectl(cluster, 'exec', pod, '--', 'node', '--input-type=module', '-e', script);
}

/** Like the services image: the launcher becomes the service that the first argument names, packages lie beside it. */
function smokeImage(): ImageSpec {
  const source = (path: string) => new URL(path, import.meta.url).pathname;
  const requests = nativePackages.map(([name, workspace]) => ({ name, from: join(repositoryFolder, workspace) }));
  return {
    name: 'hybridstore/smoke',
    tag: '1',
    entrypoint: ['/usr/local/bin/node', '/app/launch.js'],
    packages: packageFiles(packageClosure(repositoryFolder, requests)),
    files: [
      launcherFile(),
      { kind: 'copy', path: 'app/services/smoke/src/main.js', mode: 0o644, source: source('./smoke/server.js') },
      { kind: 'file', path: 'app/package.json', mode: 0o644, content: Buffer.from('{"type":"module"}') },
    ],
  };
}

async function deploy(cluster: Cluster): Promise<void> {
  const archive = join(cluster.stateFolder, 'smoke.tar');
  const image = await progress('build an image', () => buildImage(smokeImage(), archive));
  await progress('import it into both nodes', () => importImages(cluster, [image.archive]));
  rmSync(archive);
  await progress('StatefulSet 2/2 Ready', async () => {
    await applyObjects(cluster, smokeObjects(image.reference));
    await kubectl(cluster, 'rollout', 'status', 'statefulset/smoke', '--timeout=90s');
  });
}

/** Addons and WebAssembly do their work in a pod: the image holds every file and library that they need. */
async function checkNativePackages(cluster: Cluster): Promise<void> {
  const script = readFileSync(new URL('./smoke/addons.js', import.meta.url), 'utf8');
  assert.deepEqual(JSON.parse(await inPod(cluster, 'smoke-0', script)), [10, true, true, true]);
}

async function checkPlacement(cluster: Cluster): Promise<void> {
  const nodes = await kubectl(cluster, 'get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}');
  assert.deepEqual(nodes.split(' ').sort(), ['node-1', 'node-2']);
}

async function checkLogs(cluster: Cluster): Promise<void> {
  for (const pod of ['smoke-0', 'smoke-1']) assert.equal(await kubectl(cluster, 'logs', pod), `${pod} listens\n`);
}

async function checkDns(cluster: Cluster): Promise<void> {
  const script = `import { lookup } from 'node:dns/promises';
    const names = ['smoke-1.smoke-nodes', 'smoke-1.smoke-nodes.smoke.svc', 'kubernetes.default'];
    const known = await Promise.all(names.map((name) => lookup(name)));
    const unknown = await lookup('example.com').catch((error) => error.code);
    console.log(JSON.stringify([...known.map((entry) => entry.address), unknown]));`;
  const address = await kubectl(cluster, 'get', 'pod', 'smoke-1', '-o', 'jsonpath={.status.podIP}');
  const answer = JSON.parse(await inPod(cluster, 'smoke-0', script));
  assert.deepEqual(answer, [address, address, '10.212.0.1', 'ENOTFOUND']);
}

/** Both pods answer behind one service address: to a pod (also when it is sent to itself) and to a process outside. */
async function checkService(cluster: Cluster): Promise<void> {
  const script = `const seen = new Set();
    for (let i = 0; i < ${serviceTries}; i += 1) {
      const response = await fetch('http://smoke.smoke.svc:8080/', { headers: { connection: 'close' } });
      seen.add(await response.text());
    }
    console.log([...seen].sort().join(' '));`;
  for (const pod of ['smoke-0', 'smoke-1']) assert.equal(await inPod(cluster, pod, script), 'smoke-0 smoke-1\n');
  const outside = await inCluster(cluster, ['node', '--input-type=module', '-e', script]);
  assert.equal(outside, 'smoke-0 smoke-1\n');
}

async function checkVolumes(cluster: Cluster): Promise<void> {
  const shared = JSON.parse(await fetchInside(cluster, 'http://smoke.smoke.svc:8080/shared'));
  assert.deepEqual(shared, ['smoke-0', 'smoke-1']);
  const claims = await kubectl(cluster, 'get', 'pvc', 'local-smoke-1', '-o', 'jsonpath={.spec.volumeName}');
  assert.deepEqual(listVolume(cluster, claims), ['smoke-1']);
}

async function checkPrometheus(cluster: Cluster): Promise<void> {
  await startPrometheus(cluster);
  await eventually(async () => {
    assert.equal((await queryPrometheus(cluster, 'smoke_requests_total')).length, 2);
  });
  const url = `${clusterPrometheusUrl}/api/v1/query?query=up`;
  const script = `console.log((await (await fetch('${url}')).json()).data.result.length)`;
  assert.equal(await inPod(cluster, 'smoke-1', script), '2\n');
  await stopPrometheus(cluster);
}

async function expectNode(cluster: Cluster, name: string, status: string): Promise<void> {
  const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  await eventually(async () => {
    assert.equal(await inCluster(cluster, ['kubectl', 'get', 'node', name, '-o', path]), status);
  });
}

async function checkLostNode(cluster: Cluster): Promise<void> {
  await cutNode(cluster, 'node-2');
  await expectNode(cluster, 'node-2', 'Unknown');
  await healNode(cluster, 'node-2');
  await expectNode(cluster, 'node-2', 'True');
  await kubectl(cluster, 'rollout', 'status', 'statefulset/smoke', '--timeout=90s');
}

/** A drained node's pod waits, because its volume is a disk of that node; it comes back with the node and its data. */
async function checkDrain(cluster: Cluster): Promise<void> {
  const node = 'node-2';
  const drain = ['kubectl', 'drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=60s'];
  assert.match(await inCluster(cluster, drain), /evicted/);
  await eventually(async () => {
    const phases = await kubectl(cluster, 'get', 'pods', '-o', 'jsonpath={.items[*].status.phase}');
    assert.deepEqual(phases.split(' ').sort(), ['Pending', 'Running']);
  });
  await inCluster(cluster, ['kubectl', 'uncordon', node]);
  await kubectl(cluster, 'rollout', 'status', 'statefulset/smoke', '--timeout=90s');
}

async function checkRecycling(cluster: Cluster): Promise<void> {
  const volume = await kubectl(cluster, 'get', 'pvc', 'shared', '-o', 'jsonpath={.spec.volumeName}');
  await inCluster(cluster, ['kubectl', 'delete', 'namespace', smokeNamespace, '--timeout=60s']);
  await eventually(async () => {
    const phases = await inCluster(cluster, ['kubectl', 'get', 'pv', '-o', 'jsonpath={.items[*].status.phase}']);
    assert.deepEqual([...new Set(phases.split(' '))], ['Available']);
  });
  assert.deepEqual(listVolume(cluster, volume), []);
}

function checkNothingLeft(cluster: Cluster): void {
  assert.deepEqual(listPids(cluster), []);
  for (const node of cluster.nodes) assert.equal(existsSync(`/run/netns/${node.namespace}`), false);
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').includes(cluster.stateFolder), false);
  assert.equal(existsSync(cluster.runFolder), false);
  assert.equal(existsSync(cluster.kubeconfigPath), false);
}

async function runRound(stateFolder: string): Promise<void> {
  const cluster = await startCluster({ stateFolder });
  try {
    await deploy(cluster);
    await progress('one pod on each node', () => checkPlacement(cluster));
    await progress('kubectl logs', () => checkLogs(cluster));
    await progress('native packages work in a pod', () => checkNativePackages(cluster));
    await progress('DNS in pods, by kubectl exec', () => checkDns(cluster));
    await progress('services across nodes', () => checkService(cluster));
    await progress('volumes of a pod and of both', () => checkVolumes(cluster));
    await progress('Prometheus scrapes the pods', () => checkPrometheus(cluster));
    await progress('a lost node is noticed and comes back', () => checkLostNode(cluster));
    await progress('a node is drained and comes back', () => checkDrain(cluster));
    await progress('released volumes are empty and free', () => checkRecycling(cluster));
  } catch (error) {
    console.error(await describeCluster((args, options) => tryRunInside(cluster, 'kubectl', args, options)));
    throw error;
  } finally {
    await progress('down', () => stopCluster(cluster));
  }
  checkNothingLeft(cluster);
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1' }, state: { type: 'string' } } });
const { stateFolder } = layoutCluster(values.state ?? join(repositoryFolder, '.hybridstore', 'cluster-smoke'));
for (let round = 1; round <= Number(values.rounds); round += 1) {
  await progress(`round ${round} of ${values.rounds}`, () => runRound(stateFolder));
}
console.log('smoke: ok');
