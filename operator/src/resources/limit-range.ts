import type { LimitRange } from '@hybridstore/controller-runtime';
import { ownedMetadata, type TenantInput } from './tenant-metadata.ts';

/** Requests for containers that name none: beside a quota on requests the API server would refuse them. */
export function buildLimitRange({ tenant, spec }: TenantInput): LimitRange | undefined {
  const { quota } = spec;
  if (quota?.cpu === undefined && quota?.memory === undefined) return undefined;
  return {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: ownedMetadata(tenant, tenant.names.base),
    spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '100m', memory: '128Mi' } }] },
  };
}
