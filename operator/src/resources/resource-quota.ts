import type { ResourceQuota } from '@hybridstore/controller-runtime';
import { tenantLabels } from './labels.ts';
import { tenantNames } from './names.ts';
import type { TenantInput } from './stateful-set.ts';

/** Sums over the namespace; undefined when the tenant asks for none. */
export function buildResourceQuota({ key, spec, owner }: TenantInput): ResourceQuota | undefined {
  const { quota } = spec;
  if (quota === undefined) return undefined;
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: {
      name: tenantNames(key.name).base,
      namespace: key.namespace,
      labels: tenantLabels(key.name),
      ownerReferences: [owner],
    },
    spec: {
      hard: {
        ...(quota.cpu === undefined ? {} : { 'requests.cpu': String(quota.cpu) }),
        ...(quota.memory === undefined ? {} : { 'requests.memory': String(quota.memory) }),
        ...(quota.storage === undefined ? {} : { 'requests.storage': String(quota.storage) }),
        ...(quota.pods === undefined ? {} : { pods: String(quota.pods) }),
      },
    },
  };
}
