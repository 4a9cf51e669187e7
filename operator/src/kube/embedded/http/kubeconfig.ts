import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stringify } from 'yaml';

export interface KubeConfigInput {
  readonly server: string;
  readonly token: string;
  readonly namespace?: string;
}

/** A kubeconfig for the embedded API server: plain HTTP on loopback with a bearer token. */
export function buildKubeConfig({ server, token, namespace = 'default' }: KubeConfigInput): object {
  const name = 'hybridstore-embedded';
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    // client-node refuses plain HTTP without the flag; there is no TLS that could be verified.
    clusters: [{ name, cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
  };
}

/** Readable by the owner only: the token is the whole access. */
export async function writeKubeConfig(path: string, input: KubeConfigInput): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.new`;
  await writeFile(beside, stringify(buildKubeConfig(input)), { mode: 0o600 });
  await rename(beside, path);
}
