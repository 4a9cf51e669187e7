import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheKey } from '../binaries.ts';
import { certificateArguments, listCertificates } from '../certificates.ts';
import { apiServerArguments } from '../control-plane.ts';
import { corefile, dnsObjects, resolverText } from '../dns.ts';
import { parseCommand } from '../exec.ts';
import { insideArguments } from '../inside.ts';
import { renderKubeconfig } from '../kubeconfig.ts';
import { findNode, layoutCluster } from '../layout.ts';
import { cniConfig, containerdConfig, kubeletConfig, kubeProxyConfig } from '../node.ts';
import { missingPackages } from '../prerequisites.ts';
import { prometheusConfig } from '../prometheus.ts';

const layout = layoutCluster('/srv/state');
const [first, second] = layout.nodes;

test('clusters with different state folders share no name', () => {
  const other = layoutCluster('/srv/other');
  const names = (cluster: typeof layout) => [
    ...cluster.nodes.flatMap((node) => [node.namespace, node.cgroup, node.runFolder, node.folder]),
    ...[cluster.cgroup, cluster.runFolder, cluster.processFile, cluster.kubeconfigPath],
  ];
  const common = names(layout).filter((name) => names(other).includes(name));
  assert.deepEqual(common, []);
});

test('the socket path fits into the 107 bytes of a unix socket however long the state folder is', () => {
  const long = layoutCluster(`/srv/${'x'.repeat(200)}`);
  assert.ok(`${long.nodes[0].runFolder}/containerd.sock.ttrpc`.length <= 107);
});

test('an unknown node is refused with the names of the known ones', () => {
  assert.throws(() => findNode(layout, 'node-3'), /node-1, node-2, found node-3/);
});

test('the kubelet uses its node’s cgroup, address, certificate and the cluster’s DNS', () => {
  const config = JSON.parse(kubeletConfig(layout, second));
  assert.equal(config.cgroupRoot, `${layout.cgroup}/node-2`);
  assert.equal(config.address, '10.210.0.2');
  assert.equal(config.tlsCertFile, '/srv/state/certificates/node-2.crt');
  assert.deepEqual(config.clusterDNS, ['10.212.0.10']);
  assert.equal(config.authentication.anonymous.enabled, false);
  assert.equal(config.failCgroupV1, false);
});

test('containerd does not lower OOM scores and finds the node’s own network configuration', () => {
  const config = containerdConfig(second);
  assert.match(config, /restrict_oom_score_adj = true/);
  assert.match(config, /conf_dir = "\/srv\/state\/nodes\/node-2\/cni-config"/);
});

test('each node gives its pods addresses of its own range', () => {
  const ranges = layout.nodes.map((node) => JSON.parse(cniConfig(node)).plugins[0].ipam.ranges[0][0].subnet);
  assert.deepEqual(ranges, ['10.211.1.0/24', '10.211.2.0/24']);
});

test('kube-proxy leaves the machine’s connection limits alone', () => {
  const config = JSON.parse(kubeProxyConfig(layout, first));
  assert.deepEqual(config.conntrack, { maxPerCore: 0, min: 0 });
  assert.equal(config.hostnameOverride, 'node-1');
});

test('the API server reaches kubelets by address and lets nobody in without RBAC', () => {
  const args = apiServerArguments(layout);
  assert.ok(args.includes('--kubelet-preferred-address-types=InternalIP'));
  assert.ok(args.includes('--authorization-mode=Node,RBAC'));
  assert.ok(args.includes('--advertise-address=10.210.0.1'));
});

test('each node has a certificate as system:node of the group system:nodes, for its own address', () => {
  const spec = listCertificates(layout).find((certificate) => certificate.name === 'node-2');
  assert.ok(spec);
  const args = certificateArguments('/c', spec);
  assert.equal(args[args.indexOf('-subj') + 1], '/O=system:nodes/CN=system:node:node-2');
  assert.ok(args.includes('subjectAltName=DNS:node-2,IP:10.210.0.2'));
  assert.ok(args.includes('extendedKeyUsage=clientAuth,serverAuth'));
});

test('a client certificate cannot serve', () => {
  const args = certificateArguments('/c', { name: 'scheduler', user: 'system:kube-scheduler' });
  assert.ok(args.includes('extendedKeyUsage=clientAuth'));
  assert.equal(
    args.some((argument) => argument.startsWith('subjectAltName')),
    false,
  );
});

test('only the administrator and the API server’s kubelet client are masters', () => {
  const masters = listCertificates(layout).filter((certificate) => certificate.group === 'system:masters');
  assert.deepEqual(masters.map((certificate) => certificate.name).sort(), ['admin', 'apiserver-kubelet-client']);
});

test('a kubeconfig carries its credentials inside', () => {
  const text = renderKubeconfig('https://a', 'me', { authority: 'A', certificate: 'C', key: 'K' });
  const config = JSON.parse(text);
  assert.equal(config.clusters[0].cluster['certificate-authority-data'], Buffer.from('A').toString('base64'));
  assert.deepEqual(config.users[0].user, { 'client-certificate-data': 'Qw==', 'client-key-data': 'Sw==' });
});

test('DNS answers for the cluster, and says of all other names that they do not exist', () => {
  const text = corefile(layout);
  assert.match(text, /^cluster\.local in-addr\.arpa ip6\.arpa \{/);
  assert.match(text, /\n\. \{[^}]*template ANY ANY \. \{\s+rcode NXDOMAIN/);
});

test('the DNS service has no selector but the address of the process', () => {
  const objects = JSON.parse(JSON.stringify(dnsObjects(layout)));
  const service = objects.find((object: { kind: string }) => object.kind === 'Service');
  const slice = objects.find((object: { kind: string }) => object.kind === 'EndpointSlice');
  assert.equal(service.spec.clusterIP, '10.212.0.10');
  assert.equal(service.spec.selector, undefined);
  assert.deepEqual(slice.endpoints[0].addresses, ['10.210.0.1']);
});

test('the resolver of commands inside searches as a pod of the default namespace does', () => {
  assert.match(resolverText(), /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local$/m);
});

test('a command inside keeps its arguments as they are', () => {
  const command = ['sh', '-c', 'echo "$HOME" \'x\''];
  assert.deepEqual(insideArguments(layout, second, command).slice(-3), command);
  assert.equal(insideArguments(layout, second, command)[0], `--net=/run/netns/${second.namespace}`);
});

test('options before the command are ours, those after it are the command’s', () => {
  assert.deepEqual(parseCommand(['--state', 's', 'kubectl', '--node', 'x']), {
    state: 's',
    command: ['kubectl', '--node', 'x'],
  });
  assert.deepEqual(parseCommand(['--', '--state']), { command: ['--state'] });
  assert.throws(() => parseCommand(['--node']), /--node needs a value/);
});

test('each missing program asks for its package once', () => {
  const programs = [
    ['ip', 'iproute2'],
    ['tc', 'iproute2'],
    ['runc', 'runc'],
  ] as const;
  assert.deepEqual(
    missingPackages(programs, (program) => program === 'runc'),
    ['iproute2'],
  );
  assert.deepEqual(
    missingPackages(programs, () => true),
    [],
  );
});

test('the cache’s folder changes with every Go file', () => {
  const read = (changed: string) => (path: string) => (path === changed ? 'new' : 'old');
  const keys = ['', 'kubernetes/main.go', 'kubernetes/go.sum', 'coredns/go.mod'].map((path) => cacheKey(read(path)));
  assert.equal(new Set(keys).size, keys.length);
  assert.match(keys[0] ?? '', /^v1\.35\.4-[0-9a-f]{12}$/);
});

test('Prometheus scrapes every two seconds', () => {
  const config = JSON.parse(prometheusConfig(layout));
  assert.deepEqual(config.global, { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '2s' });
});
