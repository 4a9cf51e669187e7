import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binariesFolder } from './binaries.ts';
import { componentKubeconfig } from './kubeconfig.ts';
import { type ClusterLayout, clusterPodCidr, dnsServiceAddress, type NodeLayout, serviceDomain } from './layout.ts';
import { type ProcessRecord, startProcess, waitForComponent } from './processes.ts';
import { tryRun } from './run.ts';

/** The image that holds the namespaces of a pod open. */
export const pauseImage = 'local-cluster/pause:1';
const containerdTimeoutMs = 30_000;
const cniPluginFolder = '/usr/lib/cni';

/**
 * Folders of the machine that each node sees as its own, and where they really are. A node is containerd, kubelet and
 * kube-proxy in a network namespace and a mount namespace of their own. In the latter, the places that these programs and
 * their plugins have compiled in are folders of this node, so two nodes do not meet, and when the node's last process ends
 * the kernel takes all its mounts away.
 */
function nodeMounts(node: NodeLayout): readonly (readonly [source: string, target: string])[] {
  return [
    [node.runFolder, '/run/containerd'],
    [join(node.folder, 'containerd'), '/var/lib/containerd'],
    [join(node.folder, 'kubelet'), '/var/lib/kubelet'],
    [join(node.folder, 'cni'), '/var/lib/cni'],
    [join(node.folder, 'log-pods'), '/var/log/pods'],
    [join(node.folder, 'log-containers'), '/var/log/containers'],
  ];
}

/** Mount points that the machine lacked, one a line; `stopCluster` removes them again. */
export function createdFoldersFile(layout: ClusterLayout): string {
  return join(layout.stateFolder, 'created-folders');
}

export function containerdSocket(node: NodeLayout): string {
  return join(node.runFolder, 'containerd.sock');
}

/** containerd 1.6 configuration. Paths are those inside the node's mount namespace. */
export function containerdConfig(node: NodeLayout): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/${pauseImage}"
  # Without CAP_SYS_RESOURCE runc cannot lower the OOM score, and every sandbox would die.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniPluginFolder}"
    conf_dir = "${join(node.folder, 'cni-config')}"
`;
}

/**
 * Pod network: a veth pair per pod, routed by the node (`ptp`). Unlike with a bridge, every packet passes the node's IP
 * stack, so replies of services on the same node find their way back through connection tracking.
 */
export function cniConfig(node: NodeLayout): string {
  const config = {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: { type: 'host-local', ranges: [[{ subnet: node.podCidr }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Kubelet configuration; JSON is what the kubelet takes as YAML. */
export function kubeletConfig(layout: ClusterLayout, node: NodeLayout): string {
  const file = (name: string) => join(layout.certificateFolder, name);
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: node.address,
    healthzBindAddress: '127.0.0.1',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: file('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: file(`${node.name}.crt`),
    tlsPrivateKeyFile: file(`${node.name}.key`),
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: node.cgroup,
    failCgroupV1: false,
    failSwapOn: false,
    resolvConf: '',
    clusterDNS: [dnsServiceAddress],
    clusterDomain: serviceDomain,
    // A developer's disk is often nearly full; pods must not be evicted for it.
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    // The node is lost after 16 s without a sign of life (control-plane.ts), so it gives one every 4 s.
    nodeStatusUpdateFrequency: '4s',
    nodeLeaseDurationSeconds: 16,
    syncFrequency: '10s',
    registerWithTaints: [],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

export function kubeProxyConfig(layout: ClusterLayout, node: NodeLayout): string {
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    bindAddress: node.address,
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    clientConnection: { kubeconfig: componentKubeconfig(layout, 'kube-proxy') },
    clusterCIDR: clusterPodCidr,
    hostnameOverride: node.name,
    mode: 'iptables',
    iptables: { minSyncPeriod: '100ms' },
    // The limit of tracked connections belongs to the machine, not to this namespace.
    conntrack: { maxPerCore: 0, min: 0 },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function kubeletArguments(layout: ClusterLayout, node: NodeLayout): string[] {
  return [
    `--config=${join(node.folder, 'kubelet.json')}`,
    `--kubeconfig=${componentKubeconfig(layout, node.name)}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
  ];
}

/** Writes the configuration files and folders of a node. */
export function prepareNode(layout: ClusterLayout, node: NodeLayout): void {
  mkdirSync(join(node.folder, 'cni-config'), { recursive: true });
  for (const [source, target] of nodeMounts(node)) {
    mkdirSync(source, { recursive: true });
    if (existsSync(target)) continue;
    mkdirSync(target, { recursive: true });
    appendFileSync(createdFoldersFile(layout), `${target}\n`);
  }
  writeFileSync(join(node.folder, 'containerd.toml'), containerdConfig(node));
  writeFileSync(join(node.folder, 'cni-config', '10-pods.conflist'), cniConfig(node));
  writeFileSync(join(node.folder, 'kubelet.json'), kubeletConfig(layout, node));
  writeFileSync(join(node.folder, 'kube-proxy.json'), kubeProxyConfig(layout, node));
}

/** Starts containerd, the first process of the node's mount namespace, and waits until it answers. */
export async function startContainerd(layout: ClusterLayout, node: NodeLayout): Promise<ProcessRecord> {
  // Private towards the machine, then shared within: pods' mounts reach containers but never the machine.
  const lines = [
    'mount --make-rshared /',
    ...nodeMounts(node).map(([source, target]) => `mount --bind '${source}' '${target}'`),
    `exec containerd --config '${join(node.folder, 'containerd.toml')}'`,
  ];
  const record = startProcess(layout, {
    name: `${node.name}-containerd`,
    command: 'unshare',
    args: ['--mount', '--propagation', 'private', 'sh', '-c', lines.join(' && ')],
    node,
  });
  await waitForComponent(layout, {
    record,
    what: 'an answer on its socket',
    timeoutMs: containerdTimeoutMs,
    probe: async () => (await tryRun('ctr', ['-a', containerdSocket(node), 'version'])).code === 0,
  });
  return record;
}

/** Starts the kubelet beside its containerd. It registers the node as soon as the API server answers. */
export function startKubelet(layout: ClusterLayout, node: NodeLayout, containerd: ProcessRecord): ProcessRecord {
  return startProcess(layout, {
    name: `${node.name}-kubelet`,
    command: join(binariesFolder(), 'kubelet'),
    args: kubeletArguments(layout, node),
    node,
    mountsOf: containerd,
  });
}

export function startKubeProxy(layout: ClusterLayout, node: NodeLayout): ProcessRecord {
  return startProcess(layout, {
    name: `${node.name}-kube-proxy`,
    command: join(binariesFolder(), 'kube-proxy'),
    args: [`--config=${join(node.folder, 'kube-proxy.json')}`],
    node,
  });
}
