import { createServer } from 'node:net';
import { services } from '@hybridstore/contracts';
import type { EmbeddedPlatform } from '@hybridstore/embedded-kubernetes';
import { sharedServiceNames } from '@hybridstore/operator';
import { HybridStoreError } from '@hybridstore/runtime';
import { systemNamespace } from './settings.ts';

/** The ports that people type. Port 8000 is the first tenant's. */
export function hostPorts(offset: number): readonly number[] {
  return [...sharedServiceNames, 'operator' as const, 'tenant-node' as const].map((name) => services[name] + offset);
}

/** Throws `conflict` naming the first port that somebody listens on, before anything is begun. */
export async function requireFreePorts(ports: readonly number[]): Promise<void> {
  for (const port of ports)
    if (!(await isFree(port)))
      throw new HybridStoreError(
        'conflict',
        `--port-offset: expected ports that nobody listens on, found ${port} of 127.0.0.1 in use; end what listens there, or choose another offset`,
        { port },
      );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}

/** Leads each of those ports to the pods behind it, whichever they are at the time. */
export async function openHostPorts(platform: EmbeddedPlatform, offset: number): Promise<void> {
  for (const name of sharedServiceNames)
    await platform.listenOnHost(services[name] + offset, () =>
      addressesOf(platform, systemNamespace, name, services[name]),
    );
  await platform.listenOnHost(services.operator + offset, () => [{ host: platform.host, port: services.operator }]);
  await platform.listenOnHost(services['tenant-node'] + offset, () => {
    const [first] = platform.controllers.mirrors.statefulSets
      .all()
      .filter((set) => set.metadata.name.startsWith('hs-'));
    return first
      ? addressesOf(platform, first.metadata.namespace ?? 'default', first.metadata.name, services['tenant-node'])
      : [];
  });
}

function addressesOf(
  platform: EmbeddedPlatform,
  namespace: string,
  name: string,
  port: number,
): { host: string; port: number }[] {
  return platform.controllers.addressesOf(namespace, name).map((host) => ({ host, port }));
}
