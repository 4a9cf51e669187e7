import { connectKube, listAll, pods, secrets, services } from '@hybridstore/controller-runtime';
import { eventually, type Platform } from './platform.ts';

/**
 * A platform that was installed by helm into the cluster of KUBECONFIG. Runs where Service addresses can be reached
 * (the cluster's own network namespace), or with HYBRIDSTORE_GATEWAY naming a forwarded port.
 */
export async function startClusterPlatform(): Promise<Platform> {
  const kubeconfig = requireVariable('KUBECONFIG');
  const systemNamespace = process.env['HYBRIDSTORE_NAMESPACE'] ?? 'hybridstore-system';
  const kube = connectKube({ fieldManager: 'e2e', kubeconfig });
  const gateway =
    process.env['HYBRIDSTORE_GATEWAY'] ??
    (await eventually('gateway Service', async () => {
      const { spec } = await kube.get(services, { namespace: systemNamespace, name: 'auth-gateway' });
      return spec?.clusterIP ? `http://${spec.clusterIP}:8080` : undefined;
    }));
  const secret = await eventually('administrator', () =>
    kube.get(secrets, { namespace: systemNamespace, name: 'hybridstore-admin' }),
  );
  const read = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  await eventually(
    'gateway answers',
    async () => ((await fetch(`${gateway}/ready`)).status === 200 ? true : undefined),
    120_000,
  );
  const operatorPods = async () =>
    (
      await listAll(kube, pods, {
        namespace: systemNamespace,
        labelSelector: 'app.kubernetes.io/component=operator',
      })
    ).items;
  return {
    name: 'kubernetes',
    kube,
    gateway,
    systemNamespace,
    admin: { username: read('username'), password: read('password') },
    podUrl: async (namespace, name) => `http://${(await kube.get(pods, { namespace, name })).status?.podIP}:8000`,
    killPod: (namespace, name) => kube.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 }),
    killOperator: async () => {
      const before = (await operatorPods()).map((pod) => pod.metadata.uid);
      for (const pod of await operatorPods())
        await kube.delete(
          pods,
          { namespace: systemNamespace, name: pod.metadata.name ?? '' },
          { gracePeriodSeconds: 0 },
        );
      await eventually(
        'another operator ready',
        async () => {
          const fresh = (await operatorPods()).filter((pod) => !before.includes(pod.metadata.uid));
          return fresh.some((pod) =>
            pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
          )
            ? true
            : undefined;
        },
        120_000,
      );
    },
    stop: async () => {},
  };
}

function requireVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name}: expected the path of a kubeconfig`);
  return value;
}
