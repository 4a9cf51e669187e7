import { join } from 'node:path';
import { type PlatformAddresses, services } from '@hybridstore/contracts';
import { type Kube, listAll, secrets } from '@hybridstore/controller-runtime';
import type { EmbeddedPlatform } from '@hybridstore/embedded-kubernetes';
import { sharedServiceNames, tenants } from '@hybridstore/operator';
import { writePrivateJson } from './private-file.ts';
import { systemNamespace } from './settings.ts';

export type Administrator = { readonly username: string; readonly password: string };

/** Name and password that the operator made for the administrator. */
export async function readAdministrator(kube: Kube): Promise<Administrator> {
  const { data } = await kube.get(secrets, { namespace: systemNamespace, name: 'hybridstore-admin' });
  const read = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
  return { username: read('username'), password: read('password') };
}

/** Where everything is, for the command line, for scripts and for tests; writes the administrator's credentials beside it. */
export async function describeAddresses(
  platform: EmbeddedPlatform,
  { folder, portOffset }: { readonly folder: string; readonly portOffset: number },
): Promise<PlatformAddresses> {
  const url = (port: number) => `http://127.0.0.1:${port + portOffset}`;
  const credentials = join(folder, 'admin.json');
  const administrator = await readAdministrator(platform.kube);
  await writePrivateJson(credentials, administrator);
  const { items } = await listAll(platform.kube, tenants);
  const tenantAddresses = items.map(({ metadata }) => {
    const nodes = platform.controllers
      .addressesOf(metadata.namespace ?? 'default', `hs-${metadata.name}`)
      .map((host) => `http://${host}:${services['tenant-node']}`);
    return [`${metadata.namespace}/${metadata.name}`, { url: url(services['tenant-node']), nodes }] as const;
  });
  return {
    gateway: url(services['auth-gateway']),
    services: Object.fromEntries(
      [...sharedServiceNames, 'operator' as const].map((name) => [name, url(services[name])]),
    ),
    tenants: Object.fromEntries(tenantAddresses),
    kubeconfig: join(folder, 'kubeconfig'),
    admin_credentials: credentials,
  };
}
