import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterLayout } from './layout.ts';

const mountFolder = '/sys/fs/cgroup';
const v2Controllers = ['cpuset', 'cpu', 'io', 'memory', 'pids'];

/** The trees of this machine: the folders in which a cgroup path exists once each. */
function listTrees(): string[] {
  if (isVersion2()) return [mountFolder];
  return readdirSync(mountFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(mountFolder, entry.name));
}

function isVersion2(): boolean {
  return existsSync(join(mountFolder, 'cgroup.controllers'));
}

/** The tree whose membership names the processes of the cluster. */
function trackingTree(): string {
  const tree = isVersion2() ? mountFolder : join(mountFolder, 'pids');
  if (!existsSync(tree)) throw new Error(`expected a cgroup tree at ${tree}; mount cgroups (v1 with pids, or v2)`);
  return tree;
}

/**
 * The cgroups of a cluster. They have two purposes: the kubelets need a parent for their pods, and the kernel keeps the
 * list of all processes of the cluster for us: what a process of the cluster forks is born into the same cgroup, so
 * shutting down never has to guess which containerd-shim or container belongs to whom.
 *
 * With cgroup v1 each controller is its own tree (and runc uses an empty v2 tree beside them when there is one); only one
 * of them (`pids`) is used for the list. With cgroup v2 there is a single tree. In every tree the cluster gets one cgroup
 * for its own processes and one as the parent of each node's pods.
 */
export function createCgroups(layout: ClusterLayout): void {
  for (const tree of listTrees()) {
    for (const cgroup of [layout.cgroup, layout.systemCgroup, ...layout.nodes.map((node) => node.cgroup)]) {
      mkdirSync(join(tree, cgroup), { recursive: true });
      if (isVersion2()) continue;
      inheritCpuset(tree, cgroup);
    }
    if (isVersion2()) delegateControllers(layout);
  }
}

/** A cpuset of v1 starts empty, and no process can enter an empty one: it has to be filled from its parent's. */
function inheritCpuset(tree: string, cgroup: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const own = join(tree, cgroup, file);
    if (existsSync(own)) writeFileSync(own, readFileSync(join(tree, cgroup, '..', file), 'utf8'));
  }
}

/** In v2 a parent hands controllers down by name; the machine's root may already have done so. */
function delegateControllers(layout: ClusterLayout): void {
  for (const folder of [mountFolder, join(mountFolder, layout.cgroup)]) {
    const available = readFileSync(join(folder, 'cgroup.controllers'), 'utf8').split(/\s+/);
    const wanted = v2Controllers.filter((controller) => available.includes(controller));
    writeFileSync(join(folder, 'cgroup.subtree_control'), wanted.map((controller) => `+${controller}`).join(' '));
  }
}

/** File into which a process writes its pid to become one of the cluster's own. */
export function systemProcessFile(layout: ClusterLayout): string {
  return join(trackingTree(), layout.systemCgroup, 'cgroup.procs');
}

/** Pids of every process of the cluster, its containers included. */
export function listPids(layout: ClusterLayout): number[] {
  return walk(join(trackingTree(), layout.cgroup)).flatMap((folder) => readPids(folder));
}

/** Removes the cgroups, children first. Their processes have to be gone. */
export function removeCgroups(layout: ClusterLayout): void {
  for (const tree of listTrees()) {
    for (const folder of walk(join(tree, layout.cgroup)).reverse()) rmdirSync(folder);
  }
}

/** The folder and all below it, parents first; nothing when it is not there. */
function walk(folder: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    // A container's cgroup may go while the tree is being read.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return [folder, ...entries.flatMap((name) => walk(join(folder, name)))];
}

function readPids(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // of the file system
    if (code === 'ENOENT' || code === 'ENODEV') return [];
    throw error;
  }
}
