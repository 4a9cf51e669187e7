import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterLayout } from './layout.ts';

/**
 * Kubeconfig files: how each component and each user reaches the API server. JSON, which every reader takes as YAML.
 */
export type Credentials = {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
};

/** PEM texts of the certificate `name` and of the authority. */
export function readCredentials(layout: ClusterLayout, name: string): Credentials {
  const read = (file: string) => readFileSync(join(layout.certificateFolder, file), 'utf8');
  return { authority: read('ca.crt'), certificate: read(`${name}.crt`), key: read(`${name}.key`) };
}

/** A kubeconfig with the credentials inside, so that the one file is enough. */
export function renderKubeconfig(server: string, user: string, credentials: Credentials): string {
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local', cluster: { server, 'certificate-authority-data': base64(credentials.authority) } }],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': base64(credentials.certificate),
          'client-key-data': base64(credentials.key),
        },
      },
    ],
    contexts: [{ name: 'local', context: { cluster: 'local', user } }],
    'current-context': 'local',
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Path of a component's kubeconfig. */
export function componentKubeconfig(layout: ClusterLayout, name: string): string {
  return join(layout.certificateFolder, `${name}.kubeconfig`);
}

/** Writes a kubeconfig for every component, and the administrator's at the place that the layout names. */
export function writeKubeconfigs(layout: ClusterLayout): void {
  const names = ['controller-manager', 'scheduler', 'kube-proxy', 'coredns', 'prometheus', 'volume-recycler'];
  for (const name of [...names, ...layout.nodes.map((node) => node.name)]) {
    const text = renderKubeconfig(layout.apiServerUrl, name, readCredentials(layout, name));
    writeFileSync(componentKubeconfig(layout, name), text, { mode: 0o600 });
  }
  const admin = renderKubeconfig(layout.apiServerUrl, 'admin', readCredentials(layout, 'admin'));
  writeFileSync(layout.kubeconfigPath, admin, { mode: 0o600 });
}
