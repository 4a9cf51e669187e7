import type { LabelSelector, NetworkPolicy, NetworkPolicyPeer } from '@hybridstore/controller-runtime';

/**
 * Who may open a connection to whom under a set of NetworkPolicies, as a policy-aware network decides it: a pod that no
 * policy selects for a direction is open in it; a selected one accepts what any of its policies allows. A connection
 * needs the consent of both ends. Source: Kubernetes documentation, "Network Policies".
 */
export type Endpoint = {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of what is no pod: the machine itself, for example. Blocks are single addresses here. */
  readonly address?: string;
};

export function mayConnect(
  policies: readonly NetworkPolicy[],
  from: Endpoint,
  to: Endpoint,
  port: number,
  protocol = 'TCP',
): boolean {
  return mayLeave(policies, from, to, port, protocol) && mayEnter(policies, from, to, port, protocol);
}

function mayLeave(
  policies: readonly NetworkPolicy[],
  from: Endpoint,
  to: Endpoint,
  port: number,
  protocol: string,
): boolean {
  const selecting = policies.filter((policy) => selects(policy, from, 'Egress'));
  if (selecting.length === 0) return true;
  return selecting.some(({ spec, metadata }) =>
    (spec?.egress ?? []).some(
      (rule) => fitsPort(rule.ports, port, protocol) && fitsPeer(rule.to, to, metadata.namespace ?? ''),
    ),
  );
}

function mayEnter(
  policies: readonly NetworkPolicy[],
  from: Endpoint,
  to: Endpoint,
  port: number,
  protocol: string,
): boolean {
  const selecting = policies.filter((policy) => selects(policy, to, 'Ingress'));
  if (selecting.length === 0) return true;
  return selecting.some(({ spec, metadata }) =>
    (spec?.ingress ?? []).some(
      (rule) => fitsPort(rule.ports, port, protocol) && fitsPeer(rule.from, from, metadata.namespace ?? ''),
    ),
  );
}

function selects(policy: NetworkPolicy, pod: Endpoint, direction: 'Ingress' | 'Egress'): boolean {
  if (policy.metadata.namespace !== pod.namespace || !policy.spec?.policyTypes?.includes(direction)) return false;
  return fitsSelector(policy.spec.podSelector ?? {}, pod.labels);
}

function fitsPort(
  ports: readonly { readonly port?: number | string; readonly protocol?: string }[] | undefined,
  port: number,
  protocol: string,
): boolean {
  if (ports === undefined || ports.length === 0) return true;
  return ports.some((each) => (each.port === undefined || each.port === port) && (each.protocol ?? 'TCP') === protocol);
}

/** No list, or an empty one, means everybody. */
function fitsPeer(peers: readonly NetworkPolicyPeer[] | undefined, pod: Endpoint, policyNamespace: string): boolean {
  if (peers === undefined || peers.length === 0) return true;
  return peers.some((peer) => {
    if (peer.ipBlock !== undefined) return pod.address !== undefined && isSingle(peer.ipBlock.cidr, pod.address);
    if (pod.address !== undefined) return false;
    const isNamespace =
      peer.namespaceSelector === undefined
        ? pod.namespace === policyNamespace
        : fitsSelector(peer.namespaceSelector, { 'kubernetes.io/metadata.name': pod.namespace });
    return isNamespace && (peer.podSelector === undefined || fitsSelector(peer.podSelector, pod.labels));
  });
}

function isSingle(cidr: string, address: string): boolean {
  return cidr === `${address}/${address.includes(':') ? 128 : 32}`;
}

function fitsSelector(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  if (selector.matchExpressions !== undefined) throw new Error('this evaluator knows matchLabels only');
  return Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}
