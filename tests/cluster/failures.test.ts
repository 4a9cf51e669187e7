import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Kube } from '@hybridstore/controller-runtime';
import { type Tenant, tenants } from '@hybridstore/operator';
import { startClusterPlatform } from '../e2e/cluster-platform.ts';
import { eventually } from '../e2e/platform.ts';
import { storage } from '../e2e/session.ts';
import { kubectl, kubectlWith } from './kubectl.ts';

/** Within which a tenant must say what is wrong. */
const reportedMsMax = 60_000;
const mendedMsMax = 300_000;

const apply = (object: object) => kubectlWith(object, 'apply', '-f', '-');

type Case = {
  readonly name: string;
  readonly spec: object;
  /** What stands in the way beside the Tenant itself. */
  readonly obstacle?: (namespace: string) => object;
  readonly reason: string;
  /** In the words of who refuses it. */
  readonly says: RegExp;
  /** What else than taking the obstacle away mends it. */
  readonly remedy?: object;
};

const resources = (cpu: string) => ({ requests: { cpu, memory: '256Mi' }, limits: { memory: '1Gi' } });
const log = (storageClassName: string | undefined) => ({
  storage: { ...storage, log: { ...storage.log, storageClassName } },
});

const cases: readonly Case[] = [
  {
    name: 'cpu',
    spec: { resources: resources('64') },
    reason: 'Unschedulable',
    says: /Insufficient cpu/,
    remedy: { resources: resources('50m') },
  },
  {
    name: 'class',
    spec: log('no-such-class'),
    reason: 'VolumePending',
    says: /no-such-class/,
    remedy: log(storage.log.storageClassName),
  },
  {
    name: 'quota',
    spec: {},
    obstacle: (namespace) => ({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'none', namespace },
      spec: { hard: { pods: '0' } },
    }),
    reason: 'PodsRefused',
    says: /exceeded quota: none/,
  },
  {
    name: 'webhook',
    spec: {},
    obstacle: (namespace) => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'failures-webhook' },
      webhooks: [
        {
          name: 'pods.example.com',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          timeoutSeconds: 1,
          clientConfig: { service: { namespace, name: 'nobody', path: '/' } },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        },
      ],
    }),
    reason: 'PodsRefused',
    says: /failed calling webhook "pods\.example\.com"/,
  },
  {
    name: 'image',
    spec: { image: `registry.invalid:5000/hybridstore/services@sha256:${'0'.repeat(64)}` },
    reason: 'ImagePullFailed',
    says: /registry\.invalid:5000/,
    remedy: { image: null },
  },
  {
    name: 'crash',
    spec: { podTemplate: { spec: { env: [{ name: 'NODE_OPTIONS', value: '--no-such-option' }] } } },
    reason: 'CrashLooping',
    says: /--no-such-option is not allowed in NODE_OPTIONS/,
    remedy: { podTemplate: null },
  },
];

/** What Kubernetes, a registry or the node itself refuses → what the Tenant says, in whose words, and that it mends. */
describe('what keeps nodes from starting', { timeout: 1_200_000, concurrency: true }, () => {
  let kube: Kube;
  const namespaceOf = ({ name }: Case) => `failures-${name}`;
  const tenantOf = (one: Case) => kube.get<Tenant>(tenants, { namespace: namespaceOf(one), name: 'broken' });

  before(async () => {
    ({ kube } = await startClusterPlatform());
    for (const one of cases) {
      const namespace = namespaceOf(one);
      await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      if (one.obstacle) await apply(one.obstacle(namespace));
    }
  });
  after(async () => {
    await kubectl('delete', 'validatingwebhookconfiguration', 'failures-webhook', '--ignore-not-found');
    const names = cases.map(namespaceOf);
    for (const name of names) await kubectl('delete', 'tenants', '--all', '-n', name, '--timeout=120s');
    await kubectl('delete', 'namespace', ...names, '--timeout=240s');
  });

  const conditionOf = (tenant: Tenant, type: string) => tenant.status?.conditions?.find((one) => one.type === type);

  for (const one of cases)
    it(`is said of ${one.name} within a minute, and clears by itself`, async (context) => {
      const namespace = namespaceOf(one);
      const base = { autoscaling: { mode: 'Off' }, replicas: 1, resources: resources('50m'), storage };
      const startedMs = performance.now();
      await apply({
        apiVersion: 'hybridstore.dev/v1alpha1',
        kind: 'Tenant',
        metadata: { name: 'broken', namespace },
        spec: { ...base, ...one.spec },
      });
      const message = await eventually(
        `${one.name}: Ready=False with ${one.reason}`,
        async () => {
          const tenant = await tenantOf(one);
          const [isReady, degraded] = [conditionOf(tenant, 'Ready'), conditionOf(tenant, 'Degraded')];
          const isSaid = isReady?.status === 'False' && isReady.reason === one.reason && degraded?.status === 'True';
          if (isSaid) return isReady.message;
          throw new Error(JSON.stringify(tenant.status?.conditions));
        },
        reportedMsMax,
      );
      context.diagnostic(
        `${one.name}: said after ${Math.round((performance.now() - startedMs) / 1_000)} s: ${message}`,
      );
      assert.match(message, one.says);
      const said = await kubectl('get', 'events.events.k8s.io', '-n', namespace, '-o', 'json');
      const noted = (JSON.parse(said) as { items: { reason: string; regarding: { kind: string } }[] }).items.filter(
        ({ reason, regarding }) => reason === one.reason && regarding.kind === 'Tenant',
      );
      assert.equal(noted.length, 1, `one Event of ${one.reason}`);

      if (one.obstacle) await kubectlWith(one.obstacle(namespace), 'delete', '-f', '-');
      if (one.remedy)
        await kubectl(
          'patch',
          'tenant',
          'broken',
          '-n',
          namespace,
          '--type=merge',
          '-p',
          JSON.stringify({ spec: one.remedy }),
        );
      await eventually(
        `${one.name}: Ready`,
        async () => {
          const tenant = await tenantOf(one);
          const isWell =
            conditionOf(tenant, 'Ready')?.status === 'True' && conditionOf(tenant, 'Degraded')?.status === 'False';
          if (isWell) return true;
          throw new Error(JSON.stringify(tenant.status?.conditions));
        },
        mendedMsMax,
      );
      context.diagnostic(`${one.name}: Ready after ${Math.round((performance.now() - startedMs) / 1_000)} s`);
    });
});
