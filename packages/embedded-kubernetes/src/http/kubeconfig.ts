import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { privateFile, privateFolder } from '@hybridstore/runtime';
import { stringify } from 'yaml';

export type KubeConfigInput = {
  readonly server: string;
  readonly token: string;
  /** The authority behind the server's certificate, in PEM; without one the server is not verified. */
  readonly certificate?: string;
  readonly namespace?: string;
  /** Of the context, the cluster and the user. */
  readonly name: string;
};

/** A kubeconfig for the embedded API server: loopback with a bearer token. */
export function buildKubeConfig({ server, token, certificate, namespace = 'default', name }: KubeConfigInput): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server, ...buildTrust(certificate) } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
  };
}

function buildTrust(certificate: string | undefined): object {
  if (certificate === undefined) return { 'insecure-skip-tls-verify': true };
  return { 'certificate-authority-data': Buffer.from(certificate).toString('base64') };
}

/** Readable by the owner only: the token is the whole access. */
export async function writeKubeConfig(path: string, input: KubeConfigInput): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: privateFolder });
  const beside = `${path}.new`;
  await writeFile(beside, stringify(buildKubeConfig(input)), { mode: privateFile });
  await rename(beside, path);
}
