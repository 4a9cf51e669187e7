import type { PodTemplate, TenantSpec } from '@hybridstore/contracts';
import type { StatefulSet } from '@hybridstore/controller-runtime';
import type { PlatformSettings } from '../../src/resources/settings.ts';
import { buildStatefulSet } from '../../src/resources/stateful-set.ts';
import { buildTenantMetadata, type TenantInput } from '../../src/resources/tenant-metadata.ts';

/** As the API server fills it in. */
const spec: TenantSpec = {
  autoscaling: {
    mode: 'Auto',
    minReplicas: 2,
    maxReplicas: 50,
    scaleUpThresholdCPU: 70,
    scaleDownThresholdCPU: 30,
    behavior: {
      metricsIntervalSeconds: 15,
      scaleUp: { stabilizationWindowSeconds: 0, policies: [] },
      scaleDown: { stabilizationWindowSeconds: 300, policies: [] },
    },
  },
  resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '2Gi' } },
  storage: { log: { size: '10Gi' }, spill: { size: '4Gi' }, data: { sharedVolume: { size: '50Gi' } } },
  limits: { maxConcurrentSearches: 10, statementTimeoutSeconds: 60, resultBytesMax: 1_073_741_824 },
  wal: { retentionHours: 24, durability: 'Fsync' },
  hibernated: false,
  deletionPolicy: 'Retain',
  preventDeletion: false,
};

/** Every field of a template at once, with empty lists and texts, which the API server drops. */
export const everyPodSetting: PodTemplate = {
  metadata: { labels: { team: '' }, annotations: {} },
  spec: {
    nodeSelector: { gpu: '' },
    tolerations: [{ key: 'dedicated', value: '', effect: 'NoSchedule' }],
    affinity: {
      nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] },
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: { matchLabels: {} }, namespaceSelector: {}, namespaces: [], topologyKey: 'rack' },
        ],
      },
    },
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule', matchLabelKeys: [] },
    ],
    priorityClassName: 'data',
    runtimeClassName: 'gvisor',
    imagePullSecrets: [{ name: 'registry' }],
    env: [
      { name: 'NOTHING', value: '' },
      { name: 'MACHINE', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
    ],
    securityContext: { seLinuxOptions: {}, supplementalGroups: [] },
    dnsConfig: { nameservers: [], options: [{ name: 'ndots', value: '2' }] },
    terminationGracePeriodSeconds: 45,
  },
};

export function tenantInput(
  settings: PlatformSettings,
  key: { readonly namespace: string; readonly name: string } = { namespace: 'default', name: 'acme' },
  more: Partial<TenantSpec> = {},
): TenantInput {
  const owner = { apiVersion: 'hybridstore.dev/v1alpha1', kind: 'Tenant', name: key.name, uid: `uid-of-${key.name}` };
  return { tenant: buildTenantMetadata(key, owner), settings, spec: { ...spec, ...more } };
}

export function buildTenantSet(settings: PlatformSettings, more: Partial<TenantSpec> = {}): StatefulSet {
  return buildStatefulSet(tenantInput(settings, undefined, more), 2);
}
