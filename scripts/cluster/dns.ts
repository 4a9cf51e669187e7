import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binariesFolder } from './binaries.ts';
import { tryRunInside } from './inside.ts';
import { componentKubeconfig } from './kubeconfig.ts';
import { apiServiceAddress, type ClusterLayout, dnsServiceAddress, serviceDomain } from './layout.ts';
import { type ProcessRecord, startProcess, waitForComponent } from './processes.ts';
import { serviceToProcess, userRole } from './service-objects.ts';

const dnsTimeoutMs = 60_000;
/** Pods come and go quickly here; a resolver may not keep an address longer than this. */
const ttlSeconds = 2;

/**
 * The cluster's DNS: CoreDNS as a process of the first node, behind the usual `kube-dns` service. Not a pod, so it needs
 * no image, is there before the first pod, and survives every drain.
 *
 * Names of the cluster are answered, all others do not exist: nothing leads out.
 */
export function corefile(layout: ClusterLayout): string {
  const address = layout.nodes[0].address;
  return `${serviceDomain} in-addr.arpa ip6.arpa {
  bind ${address}
  errors
  ready 127.0.0.1:8181
  loadbalance
  kubernetes ${serviceDomain} in-addr.arpa ip6.arpa {
    kubeconfig ${componentKubeconfig(layout, 'coredns')} local
    pods verified
    ttl ${ttlSeconds}
  }
}
. {
  bind ${address}
  errors
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
`;
}

/** Resolver of commands that run inside the cluster; a pod's looks the same, with its own namespace in front. */
export function resolverText(): string {
  const search = ['default.svc', 'svc', ''].map((prefix) => [prefix, serviceDomain].filter(Boolean).join('.'));
  return `nameserver ${dnsServiceAddress}\nsearch ${search.join(' ')}\noptions ndots:5 timeout:2\n`;
}

export function dnsObjects(layout: ClusterLayout): object[] {
  const rules = [
    { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch', 'get'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ];
  return [
    ...userRole('coredns', rules),
    ...serviceToProcess({
      name: 'kube-dns',
      namespace: 'kube-system',
      clusterIp: dnsServiceAddress,
      address: layout.nodes[0].address,
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53 },
      ],
    }),
  ];
}

/** Writes CoreDNS's configuration and the resolver file, which every command inside needs. */
export function prepareDns(layout: ClusterLayout): void {
  writeFileSync(layout.corefilePath, corefile(layout));
  writeFileSync(layout.resolverFile, resolverText());
}

/** Starts CoreDNS; `waitForDns` says when it answers. It backs off for seconds when `dnsObjects` are not there yet. */
export function startDns(layout: ClusterLayout): ProcessRecord {
  return startProcess(layout, {
    name: 'coredns',
    command: join(binariesFolder(), 'coredns'),
    args: ['-conf', layout.corefilePath],
    node: layout.nodes[0],
  });
}

/** Waits until a name is resolved on the way that every pod takes: service address, kube-proxy, CoreDNS, API server. */
export async function waitForDns(layout: ClusterLayout, record: ProcessRecord): Promise<void> {
  await waitForComponent(layout, {
    record,
    what: `${apiServiceAddress} as the address of kubernetes.default`,
    timeoutMs: dnsTimeoutMs,
    probe: async () => {
      // A question that came too early is lost without an answer: ask again soon rather than wait for it.
      const env = { RES_OPTIONS: 'timeout:1 attempts:1' };
      const name = `kubernetes.default.svc.${serviceDomain}.`;
      const result = await tryRunInside(layout, 'getent', ['ahostsv4', name], { env });
      return result.stdout.startsWith(apiServiceAddress);
    },
  });
}
