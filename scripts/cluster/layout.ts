import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where everything of a local cluster lies: a pure function of its state folder. Two clusters with different state
 * folders share nothing: the id below goes into the names of network namespaces, cgroups and run folders.
 *
 *   node-1 (also control plane, tests)          node-2
 *   10.210.0.1 ──────────── veth pair ────────── 10.210.0.2
 *   pods 10.211.1.0/24                           pods 10.211.2.0/24
 *                services 10.212.0.0/16, DNS 10.212.0.10
 */
export const repositoryFolder = fileURLToPath(new URL('../..', import.meta.url));
const defaultStateFolder = join(repositoryFolder, '.hybridstore', 'cluster');

export const apiServerPort = 6443;
export const clusterPodCidr = '10.211.0.0/16';
export const serviceCidr = '10.212.0.0/16';
/** First address of the service range: `kubernetes.default.svc`. */
export const apiServiceAddress = '10.212.0.1';
export const dnsServiceAddress = '10.212.0.10';
export const serviceDomain = 'cluster.local';

export type NodeLayout = {
  readonly name: string;
  /** Name of its network namespace, as `ip netns` knows it. */
  readonly namespace: string;
  readonly address: string;
  readonly podCidr: string;
  /** Persistent data of the node: what a real node keeps in /var/lib and /var/log. */
  readonly folder: string;
  /** Sockets; seen inside the node as /run/containerd. Kept out of the state folder: socket paths end at 107 bytes. */
  readonly runFolder: string;
  /** Parent of all the cgroups of the node's pods, relative to a cgroup mount. */
  readonly cgroup: string;
};

export type ClusterLayout = {
  readonly id: string;
  readonly stateFolder: string;
  readonly logFolder: string;
  readonly certificateFolder: string;
  readonly volumeFolder: string;
  readonly etcdFolder: string;
  readonly prometheusFolder: string;
  readonly runFolder: string;
  readonly processFile: string;
  /** The administrator's. Its address is reachable only inside the cluster. */
  readonly kubeconfigPath: string;
  /** The cluster's DNS for processes that `inCluster` starts; bound over /etc/resolv.conf in their mount namespace. */
  readonly resolverFile: string;
  readonly corefilePath: string;
  /** Root of all cgroups of the cluster, relative to a cgroup mount. */
  readonly cgroup: string;
  /** Cgroup of every process that is not a pod's. */
  readonly systemCgroup: string;
  readonly apiServerUrl: string;
  readonly nodes: readonly [NodeLayout, NodeLayout];
};

/** Layout of the cluster whose state is in `stateFolder` (made absolute). Touches no file. */
export function layoutCluster(stateFolder: string = defaultStateFolder): ClusterLayout {
  const state = resolve(stateFolder);
  const id = createHash('sha256').update(state).digest('hex').slice(0, 6);
  const runFolder = `/run/hybridstore-cluster-${id}`;
  const cgroup = `/hybridstore-${id}`;
  const node = (index: number): NodeLayout => ({
    name: `node-${index}`,
    namespace: `hybridstore-${id}-${index}`,
    address: `10.210.0.${index}`,
    podCidr: `10.211.${index}.0/24`,
    folder: join(state, 'nodes', `node-${index}`),
    runFolder: join(runFolder, `node-${index}`),
    cgroup: `${cgroup}/node-${index}`,
  });
  const nodes = [node(1), node(2)] as const;
  return {
    id,
    stateFolder: state,
    logFolder: join(state, 'logs'),
    certificateFolder: join(state, 'certificates'),
    volumeFolder: join(state, 'volumes'),
    etcdFolder: join(state, 'etcd'),
    prometheusFolder: join(state, 'prometheus'),
    runFolder,
    processFile: join(state, 'processes.jsonl'),
    kubeconfigPath: join(state, 'kubeconfig'),
    resolverFile: join(state, 'resolv.conf'),
    corefilePath: join(state, 'Corefile'),
    cgroup,
    systemCgroup: `${cgroup}/system`,
    apiServerUrl: `https://${nodes[0].address}:${apiServerPort}`,
    nodes,
  };
}

/** File that holds what the process `name` printed. */
export function logFileOf(layout: ClusterLayout, name: string): string {
  return join(layout.logFolder, `${name}.log`);
}

/** Finds a node by its name; a wrong name is the caller's mistake, so it throws. */
export function findNode(layout: ClusterLayout, name: string): NodeLayout {
  const node = layout.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) {
    const known = layout.nodes.map((candidate) => candidate.name).join(', ');
    throw new Error(`expected one of the nodes ${known}, found ${name}`);
  }
  return node;
}
