import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheFolder, prepareBinaries, withFileLock } from './binaries.ts';
import { createCertificates } from './certificates.ts';
import { createCgroups, listPids, removeCgroups } from './cgroups.ts';
import { startControlPlane } from './control-plane.ts';
import { dnsObjects, prepareDns, startDns, waitForDns } from './dns.ts';
import { buildPauseImage, importImages } from './images.ts';
import { applyObjects, runInside, spawnInside, tryRunInside } from './inside.ts';
import { kernelSettingsFile, restoreKernelSettings, saveKernelSettings } from './kernel-settings.ts';
import { writeKubeconfigs } from './kubeconfig.ts';
import { type ClusterLayout, findNode, layoutCluster, type NodeLayout } from './layout.ts';
import { createNetwork, cutLink, healLink, removeNetwork } from './network.ts';
import { createdFoldersFile, prepareNode, startContainerd, startKubelet, startKubeProxy } from './node.ts';
import { checkMachine, installPrograms } from './prerequisites.ts';
import { isAlive, type ProcessRecord, readLogTail, readProcessFile, startProcess } from './processes.ts';
import { abortable, createProgress, type Progress } from './progress.ts';
import { prometheusProcesses } from './prometheus.ts';
import { type RunOptions, run } from './run.ts';
import { createVolumeFolders, defaultVolumeCounts, type VolumeCounts, volumeObjects } from './volumes.ts';

export { describeCluster } from './diagnostics.ts';
export { buildImage, buildProductImages, type Image, importImages } from './images.ts';
export { applyObjects, insideEnvironment, spawnInside } from './inside.ts';
/**
 * The local cluster, for tests and commands: start it, stop it, run something inside, lose a node.
 *
 * ```ts
 * const cluster = await startCluster();
 * await importImages(cluster, [archive]);
 * await inCluster(cluster, ['kubectl', 'get', 'nodes']);
 * await stopCluster(cluster);
 * ```
 */
export type { ClusterLayout, NodeLayout } from './layout.ts';
export { layoutCluster } from './layout.ts';
export { clusterPrometheusUrl, fetchInside, queryPrometheus, startPrometheus, stopPrometheus } from './prometheus.ts';
export { networkClass, rwoClass, rwxClass } from './volumes.ts';

/** A cluster is its layout: everything else is on disk and in the kernel, so any process can work with it. */
export type Cluster = ClusterLayout;

export type StartOptions = {
  /** Default `.hybridstore/cluster` in the repository. */
  readonly stateFolder?: string;
  readonly volumes?: VolumeCounts;
  readonly progress?: Progress;
  /** Gives up the boot; what was started is ended before the call rejects. */
  readonly signal?: AbortSignal;
};

const readyTimeoutMs = 90_000;
const pollMs = 250;
const endRoundsMax = 100;
const endPollMs = 50;
/** Paths go into command lines and configuration files of several syntaxes; none of these needs quoting in any. */
const plainPath = /^[\w./+-]+$/;

/** Boots the cluster, or gives the one that already runs there. A boot that fails leaves only its logs behind. */
export async function startCluster(options: StartOptions = {}): Promise<Cluster> {
  const progress = abortable(options.progress ?? createProgress(), options.signal);
  checkMachine();
  const layout = layoutCluster(options.stateFolder);
  if (!plainPath.test(layout.stateFolder)) {
    throw new Error(`expected a state folder of letters, digits and ./+-_ only, found ${layout.stateFolder}`);
  }
  await installPrograms(progress);
  await prepareBinaries(progress);
  return withStateLock(layout, async () => {
    if (await isRunning(layout)) return layout;
    await tearDown(layout);
    rmSync(layout.logFolder, { recursive: true, force: true });
    try {
      await boot(layout, options.volumes ?? defaultVolumeCounts, progress);
    } catch (error) {
      await tearDown(layout);
      throw error;
    }
    return layout;
  });
}

/** Ends everything that the cluster started and removes its state but the logs. Nothing to do when there is none. */
export async function stopCluster(cluster: Cluster): Promise<void> {
  checkMachine();
  await withStateLock(cluster, () => tearDown(cluster));
}

function withStateLock<T>(layout: ClusterLayout, work: () => Promise<T>): Promise<T> {
  mkdirSync(cacheFolder(), { recursive: true });
  return withFileLock(`${cacheFolder()}/lock-${layout.id}`, work);
}

/** Whether all processes live and the API server is ready. */
export async function isRunning(cluster: Cluster): Promise<boolean> {
  const records = latestRecords(cluster);
  if (records.length === 0 || !records.every(isAlive)) return false;
  return (await tryRunInside(cluster, 'kubectl', ['get', '--raw=/readyz', '--request-timeout=5s'])).stdout === 'ok';
}

/** The last record of each name; Prometheus is no part of the cluster's own health. */
function latestRecords(layout: ClusterLayout): ProcessRecord[] {
  const byName = new Map(readProcessFile(layout.processFile).map((record) => [record.name, record]));
  for (const name of prometheusProcesses) byName.delete(name);
  return [...byName.values()];
}

async function boot(layout: ClusterLayout, volumes: VolumeCounts, progress: Progress): Promise<void> {
  for (const folder of [layout.runFolder, layout.stateFolder]) makePrivateFolder(folder);
  mkdirSync(layout.etcdFolder, { recursive: true, mode: 0o700 });
  await progress('certificates, networks and folders', async () => {
    await Promise.all([createCertificates(layout), createNetwork(layout)]);
    createCgroups(layout);
    saveKernelSettings(layout);
    writeKubeconfigs(layout);
    prepareDns(layout);
    createVolumeFolders(layout, volumes);
    for (const node of layout.nodes) prepareNode(layout, node);
  });
  const pauseImage = await buildPauseImage(layout);
  const [, ...nodes] = await Promise.all([
    startControlPlane(layout, progress),
    ...layout.nodes.map((node) => bootContainerd(layout, node, pauseImage, progress)),
  ]);
  for (const { node, containerd } of nodes) {
    startKubelet(layout, node, containerd);
    startKubeProxy(layout, node);
  }
  startRecycler(layout);
  await progress('DNS and volumes declared', () =>
    applyObjects(layout, [...dnsObjects(layout), ...volumeObjects(layout, volumes)]),
  );
  const dns = startDns(layout);
  await progress(`${layout.nodes.length} nodes Ready`, () => waitForNodes(layout));
  await progress('DNS answers', () => waitForDns(layout, dns));
}

/**
 * Everything of a cluster lies in these: keys, logs, sockets, volumes. They are closed, not each file in them, since
 * kubelets and containers need modes of their own for what they hand to pods.
 */
function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o700);
}

async function bootContainerd(layout: ClusterLayout, node: NodeLayout, pauseImage: string, progress: Progress) {
  return progress(`${node.name}: containerd with its pause image`, async () => {
    const containerd = await startContainerd(layout, node);
    await importImages(layout, [pauseImage], [node]);
    return { node, containerd };
  });
}

function startRecycler(layout: ClusterLayout): void {
  const script = new URL('./volume-recycler.ts', import.meta.url).pathname;
  const args = [script, layout.stateFolder];
  startProcess(layout, { name: 'volume-recycler', command: process.execPath, args, node: layout.nodes[0] });
}

async function waitForNodes(layout: ClusterLayout): Promise<void> {
  const deadlineMs = performance.now() + readyTimeoutMs;
  const names = layout.nodes.map((node) => node.name);
  const isReady = '{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}';
  for (;;) {
    const dead = latestRecords(layout).find((record) => !isAlive(record));
    if (dead !== undefined) throw new Error(`${dead.name} ended\n${readLogTail(layout, dead.name)}`);
    const result = await tryRunInside(layout, 'kubectl', ['get', 'nodes', '-o', `jsonpath=${isReady}`]);
    const waiting = names.filter((name) => !result.stdout.includes(`${name}=True`));
    if (waiting.length === 0) return;
    if (performance.now() > deadlineMs) {
      const logs = waiting.map((name) => readLogTail(layout, `${name}-kubelet`)).join('\n');
      throw new Error(`expected Ready nodes within ${readyTimeoutMs / 1000} s, found ${result.stdout}\n${logs}`);
    }
    await delay(pollMs);
  }
}

/** Ends processes by the pids that the kernel keeps in the cluster's cgroups, then takes away what they stood on. */
async function tearDown(layout: ClusterLayout): Promise<void> {
  await endAllProcesses(layout);
  restoreKernelSettings(layout);
  removeCgroups(layout);
  await unmountBelow([layout.stateFolder, layout.runFolder]);
  await removeNetwork(layout);
  removeCreatedFolders(layout);
  rmSync(layout.runFolder, { recursive: true, force: true });
  const { etcdFolder, certificateFolder, volumeFolder, prometheusFolder, processFile, kubeconfigPath } = layout;
  const files = [
    processFile,
    kubeconfigPath,
    layout.resolverFile,
    createdFoldersFile(layout),
    kernelSettingsFile(layout),
  ];
  const folders = [etcdFolder, certificateFolder, volumeFolder, prometheusFolder, `${layout.stateFolder}/nodes`];
  for (const path of [...folders, ...files, layout.corefilePath, `${layout.stateFolder}/pause.tar`]) {
    rmSync(path, { recursive: true, force: true });
  }
}

/** A killed process may have forked just before, so the list is read again until it is empty. */
async function endAllProcesses(layout: ClusterLayout): Promise<void> {
  for (let round = 0; round < endRoundsMax; round += 1) {
    const pids = listPids(layout);
    if (pids.length === 0) return;
    for (const pid of pids) killNow(pid);
    await delay(endPollMs);
  }
  throw new Error(`these processes do not end: ${listPids(layout).join(' ')}`);
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // Already gone is what is wanted.
  }
}

/** Mounts live in the nodes' mount namespaces and go with them; this is for those of a machine that shares mounts. */
async function unmountBelow(folders: readonly string[]): Promise<void> {
  const targets = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => folders.some((folder) => target.startsWith(`${folder}/`)));
  for (const target of targets.reverse()) await run('umount', ['--lazy', target]);
}

/** Removes the mount points that the nodes needed and the machine did not have. */
function removeCreatedFolders(layout: ClusterLayout): void {
  const list = createdFoldersFile(layout);
  if (!existsSync(list)) return;
  for (const folder of readFileSync(list, 'utf8').split('\n').filter(Boolean)) {
    try {
      rmdirSync(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException; // of the file system
      if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error; // Somebody else uses it by now: it stays.
    }
  }
}

/** Runs a command inside (first node's network, cluster DNS, KUBECONFIG); its output, or an error if it fails. */
export function inCluster(cluster: Cluster, command: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program = '', ...args] = command;
  return runInside(cluster, program, args, options);
}

/** Starts a command inside, in the network of the named node (default: the first), without waiting for its end. */
export function spawnInCluster(cluster: Cluster, command: readonly string[], options: SpawnInOptions = {}) {
  const node = options.node === undefined ? cluster.nodes[0] : findNode(cluster, options.node);
  return spawnInside(cluster, node, command, options.spawn ?? {});
}

export type SpawnInOptions = {
  readonly node?: string;
  readonly spawn?: Parameters<typeof spawnInside>[3];
};

/** Takes the second node off the network: its kubelet and pods run on, but nobody reaches them. */
export async function cutNode(cluster: Cluster, name: string): Promise<void> {
  await cutLink(lostNode(cluster, name));
}

/** Ends what `cutNode` began. */
export async function healNode(cluster: Cluster, name: string): Promise<void> {
  await healLink(lostNode(cluster, name));
}

/** The first node carries the control plane, so it cannot be taken from it. */
function lostNode(cluster: Cluster, name: string): NodeLayout {
  const node = findNode(cluster, name);
  if (node === cluster.nodes[0]) throw new Error(`${name} carries the control plane; cut ${cluster.nodes[1].name}`);
  return node;
}
