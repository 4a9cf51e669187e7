import { existsSync } from 'node:fs';
import { type ClusterLayout, type NodeLayout, serviceCidr } from './layout.ts';
import { run, tryRun } from './run.ts';

/** Name of each node's end of the veth pair. */
const linkName = 'uplink';

/**
 * The network of a cluster: one namespace per node, joined by a veth pair. Nothing leads out: what is neither a node,
 * a pod nor a service is answered with "unreachable" at once instead of after a time-out.
 */
export async function createNetwork(layout: ClusterLayout): Promise<void> {
  const [first, second] = layout.nodes;
  for (const node of layout.nodes) await run('ip', ['netns', 'add', node.namespace]);
  const pair = ['type', 'veth', 'peer', 'name', linkName, 'netns', second.namespace];
  await run('ip', ['link', 'add', linkName, 'netns', first.namespace, ...pair]);
  await Promise.all([setUpNode(first, second), setUpNode(second, first)]);
}

async function setUpNode(node: NodeLayout, peer: NodeLayout): Promise<void> {
  const lines = [
    'link set lo up',
    `addr add ${node.address}/24 dev ${linkName}`,
    `link set ${linkName} up`,
    `route add ${peer.podCidr} via ${peer.address}`,
    // kube-proxy rewrites service addresses in the OUTPUT chain, which a packet reaches only when it has some route.
    `route add ${serviceCidr} dev ${linkName} src ${node.address}`,
    'route add unreachable default',
  ];
  await run('ip', ['-n', node.namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  const settings = 'cd /proc/sys/net/ipv4 && echo 1 > ip_forward && echo 0 > conf/all/rp_filter';
  await run('nsenter', [`--net=/run/netns/${node.namespace}`, 'sh', '-c', settings]);
}

const isolationRules: readonly (readonly string[])[] = [
  ['PREROUTING', '-i', linkName, '-j', 'DROP'],
  ['OUTPUT', '-o', linkName, '-j', 'DROP'],
];
const forwardCutRule = ['POSTROUTING', '-o', linkName, '-j', 'DROP'];

/** All packets between this node and the other are dropped from now on, those of open connections too. Idempotent. */
export async function cutLink(node: NodeLayout): Promise<void> {
  for (const [table, rule] of cutRules()) {
    const check = await tryRun('nsenter', iptables(node, table, '-C', rule));
    if (check.code !== 0) await run('nsenter', iptables(node, table, '-I', rule));
  }
}

/** Ends a cut. Idempotent. */
export async function healLink(node: NodeLayout): Promise<void> {
  for (const [table, rule] of cutRules()) {
    const check = await tryRun('nsenter', iptables(node, table, '-C', rule));
    if (check.code === 0) await run('nsenter', iptables(node, table, '-D', rule));
  }
}

/** In `raw`, packets fall before connection tracking; what is forwarded from pods is seen only in `mangle`. */
function cutRules(): [string, readonly string[]][] {
  return [...isolationRules.map((rule): [string, readonly string[]] => ['raw', rule]), ['mangle', forwardCutRule]];
}

function iptables(node: NodeLayout, table: string, action: string, rule: readonly string[]): string[] {
  return [`--net=/run/netns/${node.namespace}`, 'iptables', '-w', '-t', table, action, ...rule];
}

/** Deletes the namespaces that are there, and with them their links, routes and rules. */
export async function removeNetwork(layout: ClusterLayout): Promise<void> {
  for (const node of layout.nodes) {
    if (existsSync(`/run/netns/${node.namespace}`)) await run('ip', ['netns', 'delete', node.namespace]);
  }
}
