import type { Jwks, MonitoringTarget } from '@hybridstore/contracts';
import type { ConfigMap } from '@hybridstore/controller-runtime';
import { sharedServiceLabels } from './labels.ts';
import { jwksConfigMapName, targetsConfigMapName } from './names.ts';
import { jwksKey } from './pod.ts';
import { ownedMetadata, type TenantInput } from './tenant-metadata.ts';

/** Public keys that a tenant's nodes accept: the platform's and their own. */
export function buildTenantConfigMap({ tenant }: TenantInput, jwks: Jwks): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: ownedMetadata(tenant, tenant.names.base),
    data: { [jwksKey]: renderJwks(jwks) },
  };
}

/** Public keys that the shared services accept: all of them. Not owned: it outlives a reinstall. */
export function buildJwksConfigMap(namespace: string, jwks: Jwks): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: jwksConfigMapName, namespace, labels: sharedServiceLabels('operator') },
    data: { [jwksKey]: renderJwks(jwks) },
  };
}

function renderJwks(jwks: Jwks): string {
  const keys = [...jwks.keys].sort((a, b) => (a.kid < b.kid ? -1 : 1));
  return `{"keys":[\n${keys.map((key) => JSON.stringify(key)).join(',\n')}\n]}\n`;
}

export const targetsKey = 'targets.json';

export function buildTargetsConfigMap(namespace: string, targets: readonly MonitoringTarget[]): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: targetsConfigMapName, namespace, labels: sharedServiceLabels('monitoring') },
    data: { [targetsKey]: `{"targets":[\n${targets.map((target) => JSON.stringify(target)).join(',\n')}\n]}\n` },
  };
}
