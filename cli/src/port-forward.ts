import { createServer, type Server } from 'node:net';
import { HybridStoreError } from '@hybridstore/runtime';
import { CoreV1Api, KubeConfig, PortForward } from '@kubernetes/client-node';

export type ForwardedPort = { readonly url: string; close(): Promise<void> };

/** A loopback port whose connections go to a ready pod behind a Service, through the API server. */
export async function forwardPort(
  kubeconfig: string,
  to: { readonly namespace: string; readonly service: string; readonly port: number },
): Promise<ForwardedPort> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const pod = await findPod(config, to.namespace, to.service);
  const forward = new PortForward(config);
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    forward
      .portForward(to.namespace, pod, [to.port], socket, null, socket)
      .catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined));
  });
  const port = await listenOnLoopback(server);
  return { url: `http://127.0.0.1:${port}`, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function findPod(config: KubeConfig, namespace: string, service: string): Promise<string> {
  const core = config.makeApiClient(CoreV1Api);
  const { spec } = await core.readNamespacedService({ namespace, name: service });
  const labelSelector = Object.entries(spec?.selector ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const { items } = await core.listNamespacedPod({ namespace, labelSelector });
  const ready = items.find((pod) =>
    pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
  );
  if (!ready?.metadata?.name)
    throw new HybridStoreError('unavailable', `no ready pod behind service ${namespace}/${service}`, {
      retry_after_ms: 1_000,
    });
  return ready.metadata.name;
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
