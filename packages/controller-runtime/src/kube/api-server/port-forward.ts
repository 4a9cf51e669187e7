import { createServer, type Server } from 'node:net';
import { HybridStoreError } from '@hybridstore/runtime';
import { type KubeConfig, PortForward } from '@kubernetes/client-node';
import { pods, services } from '../kinds.ts';
import { type Kube, listAll } from '../ports.ts';

export type ForwardedPort = { readonly url: string; close(): Promise<void> };

export type ForwardTarget = { readonly namespace: string; readonly service: string; readonly port: number };

/**
 * A loopback port whose connections go to a ready pod behind a Service, through the API server. `kube` and `config` are
 * of the same cluster. The pod is chosen once: whoever outlives it forwards anew.
 */
export async function forwardPort(
  kube: Pick<Kube, 'get' | 'list'>,
  config: KubeConfig,
  { namespace, service, port }: ForwardTarget,
): Promise<ForwardedPort> {
  const pod = await findReadyPod(kube, namespace, service);
  const forward = new PortForward(config);
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    forward
      .portForward(namespace, pod, [port], socket, null, socket)
      .catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined));
  });
  const local = await listenOnLoopback(server);
  return { url: `http://127.0.0.1:${local}`, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Throws `unavailable` when no pod behind the Service is ready. */
export async function findReadyPod(
  kube: Pick<Kube, 'get' | 'list'>,
  namespace: string,
  service: string,
): Promise<string> {
  const { spec } = await kube.get(services, { namespace, name: service });
  const selector = Object.entries(spec?.selector ?? {});
  const labelSelector = selector.map(([key, value]) => `${key}=${value}`).join(',');
  // Without a selector a Service has no pods of its own, while a list without one has every pod.
  const { items } = selector.length === 0 ? { items: [] } : await listAll(kube, pods, { namespace, labelSelector });
  const ready = items.find((pod) =>
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  );
  if (ready !== undefined) return ready.metadata.name;
  throw new HybridStoreError('unavailable', `no ready pod behind service ${namespace}/${service}`, {
    retry_after_ms: 1_000,
  });
}

function listenOnLoopback(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
}
