import { join } from 'node:path';
import { binariesFolder } from './binaries.ts';
import { tryRunInside } from './inside.ts';
import { componentKubeconfig } from './kubeconfig.ts';
import { apiServerPort, type ClusterLayout, clusterPodCidr, serviceCidr } from './layout.ts';
import { startProcess, waitForComponent } from './processes.ts';
import type { Progress } from './progress.ts';

const etcdUrl = 'http://127.0.0.1:2379';
const etcdPeerUrl = 'http://127.0.0.1:2380';
const apiServerTimeoutMs = 60_000;
/** A lost node is noticed and its pods are replaced in seconds rather than minutes: tests wait for it. */
const nodeGraceSeconds = 16;
const unreachableTolerationSeconds = 5;

/** etcd listens on the loopback address of its namespace only, which no pod can reach. No fsync: the data is thrown away. */
function etcdArguments(layout: ClusterLayout): string[] {
  return [
    `--data-dir=${layout.etcdFolder}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${etcdPeerUrl}`,
    `--initial-advertise-peer-urls=${etcdPeerUrl}`,
    `--initial-cluster=default=${etcdPeerUrl}`,
    '--unsafe-no-fsync',
  ];
}

export function apiServerArguments(layout: ClusterLayout): string[] {
  const file = (name: string) => join(layout.certificateFolder, name);
  return [
    `--etcd-servers=${etcdUrl}`,
    `--advertise-address=${layout.nodes[0].address}`,
    `--secure-port=${apiServerPort}`,
    `--service-cluster-ip-range=${serviceCidr}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--kubelet-certificate-authority=${file('ca.crt')}`,
    `--kubelet-client-certificate=${file('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${file('apiserver-kubelet-client.key')}`,
    // Otherwise `exec` and `logs` try to resolve the node's name.
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-signing-key-file=${file('service-account.key')}`,
    `--service-account-key-file=${file('service-account.pub')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--default-not-ready-toleration-seconds=${unreachableTolerationSeconds}`,
    `--default-unreachable-toleration-seconds=${unreachableTolerationSeconds}`,
    '--profiling=false',
  ];
}

function controllerManagerArguments(layout: ClusterLayout): string[] {
  const file = (name: string) => join(layout.certificateFolder, name);
  return [
    `--kubeconfig=${componentKubeconfig(layout, 'controller-manager')}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
    '--use-service-account-credentials',
    `--root-ca-file=${file('ca.crt')}`,
    `--service-account-private-key-file=${file('service-account.key')}`,
    `--cluster-signing-cert-file=${file('ca.crt')}`,
    `--cluster-signing-key-file=${file('ca.key')}`,
    `--cluster-cidr=${clusterPodCidr}`,
    `--node-monitor-grace-period=${nodeGraceSeconds}s`,
    '--profiling=false',
  ];
}

function schedulerArguments(layout: ClusterLayout): string[] {
  return [
    `--kubeconfig=${componentKubeconfig(layout, 'scheduler')}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
    '--profiling=false',
  ];
}

/** Starts etcd, API server, controller manager and scheduler on the first node. Resolves when the API server is ready to serve. */
export async function startControlPlane(layout: ClusterLayout, progress: Progress): Promise<void> {
  const node = layout.nodes[0];
  const start = (name: string, args: readonly string[]) =>
    startProcess(layout, { name, command: join(binariesFolder(), name), args, node });
  // The API server waits for etcd by itself, so they start together.
  start('etcd', etcdArguments(layout));
  const record = start('kube-apiserver', apiServerArguments(layout));
  await progress('API server ready', () =>
    waitForComponent(layout, {
      record,
      what: 'an "ok" from /readyz',
      timeoutMs: apiServerTimeoutMs,
      probe: () => isApiServerReady(layout),
    }),
  );
  start('kube-controller-manager', controllerManagerArguments(layout));
  start('kube-scheduler', schedulerArguments(layout));
}

async function isApiServerReady(layout: ClusterLayout): Promise<boolean> {
  const result = await tryRunInside(layout, 'kubectl', ['get', '--raw=/readyz', '--request-timeout=2s']);
  if (result.code !== 0) throw new Error(result.stderr.trim());
  return result.stdout === 'ok';
}
