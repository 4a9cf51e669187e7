import { connectKube, type Kube, listAll, type Pod, pods, secrets, services } from '@hybridstore/controller-runtime';
import { eventually, type Platform } from './platform.ts';

/**
 * A platform that was installed by helm into the cluster of KUBECONFIG. Runs where Service addresses can be reached
 * (the cluster's own network namespace), or with HYBRIDSTORE_GATEWAY naming a forwarded port.
 */
export async function startClusterPlatform(): Promise<Platform> {
  const kubeconfig = requireVariable('KUBECONFIG');
  const systemNamespace = process.env['HYBRIDSTORE_NAMESPACE'] ?? 'hybridstore-system';
  const kube = connectKube({ fieldManager: 'e2e', kubeconfig });
  const gateway = process.env['HYBRIDSTORE_GATEWAY'] ?? (await findGateway(kube, systemNamespace));
  const admin = await readAdministrator(kube, systemNamespace);
  await eventually(
    'gateway answers',
    async () => ((await fetch(`${gateway}/ready`)).status === 200 ? true : undefined),
    restartMsMax,
  );
  return {
    name: 'kubernetes',
    kube,
    gateway,
    systemNamespace,
    admin,
    podUrl: async (namespace, name) => `http://${(await kube.get(pods, { namespace, name })).status?.podIP}:8000`,
    killPod: (namespace, name) => kube.delete(pods, { namespace, name }, atOnce),
    killOperator: () => killOperator(kube, systemNamespace),
    stop: async () => {},
  };
}

const restartMsMax = 120_000;
const atOnce = { gracePeriodSeconds: 0 } as const;

function findGateway(kube: Kube, namespace: string): Promise<string> {
  return eventually('gateway Service', async () => {
    const { spec } = await kube.get(services, { namespace, name: 'auth-gateway' });
    return spec?.clusterIP ? `http://${spec.clusterIP}:8080` : undefined;
  });
}

async function readAdministrator(kube: Kube, namespace: string): Promise<Platform['admin']> {
  const secret = await eventually('administrator', () => kube.get(secrets, { namespace, name: 'hybridstore-admin' }));
  const read = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  return { username: read('username'), password: read('password') };
}

/** Kills every pod of the operator and waits for one that was not there before. */
async function killOperator(kube: Kube, namespace: string): Promise<void> {
  const labelSelector = 'app.kubernetes.io/component=operator';
  const operatorPods = async () => (await listAll(kube, pods, { namespace, labelSelector })).items;
  const killed = await operatorPods();
  for (const { metadata } of killed) await kube.delete(pods, { namespace, name: metadata.name }, atOnce);
  const before = killed.map((pod) => pod.metadata.uid);
  await eventually(
    'another operator ready',
    async () => {
      const fresh = (await operatorPods()).filter((pod) => !before.includes(pod.metadata.uid));
      return fresh.some(isReady) ? true : undefined;
    },
    restartMsMax,
  );
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
}

function requireVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name}: expected the path of a kubeconfig`);
  return value;
}
