import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { apiServiceAddress, type ClusterLayout } from './layout.ts';
import { run } from './run.ts';

const validDays = 365;

/**
 * The certificates of a cluster: one authority, and a client or server certificate for each component. Kubernetes takes
 * the user from the subject (CN = user, O = group). EC keys: made in milliseconds.
 */
export type CertificateSpec = {
  /** Name of the files NAME.crt and NAME.key. */
  readonly name: string;
  readonly user: string;
  readonly group?: string;
  /** Entries of subjectAltName (`DNS:…`, `IP:…`); a server certificate needs at least one. */
  readonly hosts?: readonly string[];
};

/** Every certificate below the authority's. */
export function listCertificates(layout: ClusterLayout): CertificateSpec[] {
  const apiNames = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'];
  const apiServerHosts = [
    ...[...apiNames, 'kubernetes.default.svc.cluster.local'].map((name) => `DNS:${name}`),
    ...[apiServiceAddress, layout.nodes[0].address, '127.0.0.1'].map((address) => `IP:${address}`),
  ];
  return [
    { name: 'apiserver', user: 'kube-apiserver', hosts: apiServerHosts },
    { name: 'apiserver-kubelet-client', user: 'kube-apiserver-kubelet-client', group: 'system:masters' },
    { name: 'admin', user: 'local-cluster-admin', group: 'system:masters' },
    { name: 'controller-manager', user: 'system:kube-controller-manager' },
    { name: 'scheduler', user: 'system:kube-scheduler' },
    { name: 'kube-proxy', user: 'system:kube-proxy' },
    { name: 'coredns', user: 'local-cluster:coredns' },
    { name: 'prometheus', user: 'local-cluster:prometheus' },
    { name: 'volume-recycler', user: 'local-cluster:volume-recycler' },
    ...layout.nodes.map((node) => ({
      name: node.name,
      user: `system:node:${node.name}`,
      group: 'system:nodes',
      hosts: [`DNS:${node.name}`, `IP:${node.address}`],
    })),
  ];
}

export async function createCertificates(layout: ClusterLayout): Promise<void> {
  const folder = layout.certificateFolder;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await run('openssl', authorityArguments(folder));
  const tokenKey = join(folder, 'service-account.key');
  await run('openssl', ['genpkey', ...ecKey, '-out', tokenKey]);
  await run('openssl', ['pkey', '-in', tokenKey, '-pubout', '-out', join(folder, 'service-account.pub')]);
  await Promise.all(listCertificates(layout).map((spec) => run('openssl', certificateArguments(folder, spec))));
}

const ecKey = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

function authorityArguments(folder: string): string[] {
  const extensions = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  return [
    ...['req', '-x509', ...newKey, '-days', String(validDays), '-subj', '/CN=local-cluster', ...extensions],
    ...['-keyout', join(folder, 'ca.key'), '-out', join(folder, 'ca.crt')],
  ];
}

/** Arguments of the one openssl call that makes a key and the certificate for it, signed by the authority. */
export function certificateArguments(folder: string, spec: CertificateSpec): string[] {
  const subject = `${spec.group === undefined ? '' : `/O=${spec.group}`}/CN=${spec.user}`;
  const usage = spec.hosts === undefined ? 'clientAuth' : 'clientAuth,serverAuth';
  const extensions = [
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'keyUsage=critical,digitalSignature'],
    ...['-addext', `extendedKeyUsage=${usage}`],
    ...(spec.hosts === undefined ? [] : ['-addext', `subjectAltName=${spec.hosts.join(',')}`]),
  ];
  return [
    ...['req', '-x509', '-CA', join(folder, 'ca.crt'), '-CAkey', join(folder, 'ca.key'), ...newKey],
    ...['-days', String(validDays), '-subj', subject, ...extensions],
    ...['-keyout', join(folder, `${spec.name}.key`), '-out', join(folder, `${spec.name}.crt`)],
  ];
}
