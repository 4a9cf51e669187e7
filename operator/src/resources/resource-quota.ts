import type { ResourceQuota } from '@hybridstore/controller-runtime';
import { ownedMetadata, type TenantInput } from './tenant-metadata.ts';

/** Sums over the namespace; undefined when the tenant asks for none. */
export function buildResourceQuota({ tenant, spec }: TenantInput): ResourceQuota | undefined {
  const { quota } = spec;
  if (quota === undefined) return undefined;
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: ownedMetadata(tenant, tenant.names.base),
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
