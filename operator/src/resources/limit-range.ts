import type { LimitRange } from '@hybridstore/controller-runtime';
import { tenantLabels } from './labels.ts';
import { tenantNames } from './names.ts';
import type { TenantInput } from './stateful-set.ts';

/** Requests for containers that name none: beside a quota on requests the API server would refuse them. */
export function buildLimitRange({ key, spec, owner }: TenantInput): LimitRange | undefined {
  const { quota } = spec;
  if (quota?.cpu === undefined && quota?.memory === undefined) return undefined;
  return {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: {
      name: tenantNames(key.name).base,
      namespace: key.namespace,
      labels: tenantLabels(key.name),
      ownerReferences: [owner],
    },
    spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '100m', memory: '128Mi' } }] },
  };
}
