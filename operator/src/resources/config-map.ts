import type { Jwks, MonitoringTarget } from '@hybridstore/contracts';
import type { ConfigMap, OwnerReference } from '@hybridstore/controller-runtime';
import type { HeldTemplate } from './held-template.ts';
import { sharedServiceLabels } from './labels.ts';
import {
  jwksConfigMapName,
  settingsConfigMapName,
  settingsKey,
  sharedServiceNames,
  targetsConfigMapName,
} from './names.ts';
import { jwksKey, logLevelKey } from './pod.ts';
import { ownedBy } from './service.ts';
import type { PlatformSettings } from './settings.ts';
import { renderSettings } from './settings-file.ts';
import { ownedMetadata, type TenantInput } from './tenant-metadata.ts';

/** Public keys that a tenant's nodes accept, the platform's and their own; how much these log, and their settings. */
export function buildTenantConfigMap({ tenant, settings }: TenantInput, jwks: Jwks, held?: HeldTemplate): ConfigMap {
  const nodes = settings.config['tenant-node'];
  const today = nodes === undefined ? undefined : renderSettings(nodes);
  const settingsText = held === undefined ? today : held.settingsText;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: ownedMetadata(tenant, tenant.names.base),
    data: {
      [jwksKey]: renderJwks(jwks),
      [logLevelKey]: settings.logLevel,
      ...(settingsText === undefined ? {} : { [settingsKey('tenant-node')]: settingsText }),
    },
  };
}

/** Public keys that the shared services accept, all of them, and how much they log. Not owned: it outlives a reinstall. */
export function buildJwksConfigMap({ namespace, logLevel }: PlatformSettings, jwks: Jwks): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: jwksConfigMapName, namespace, labels: sharedServiceLabels('operator') },
    data: { [jwksKey]: renderJwks(jwks), [logLevelKey]: logLevel },
  };
}

function renderJwks(jwks: Jwks): string {
  const keys = [...jwks.keys].sort((a, b) => (a.kid < b.kid ? -1 : 1));
  return `{"keys":[\n${keys.map((key) => JSON.stringify(key)).join(',\n')}\n]}\n`;
}

/** Settings of the shared services, each under its own key. */
export function buildSettingsConfigMap(
  { namespace, config }: PlatformSettings,
  owners: readonly OwnerReference[],
): ConfigMap {
  const data = sharedServiceNames.flatMap((service) => {
    const settings = config[service];
    return settings === undefined ? [] : [[settingsKey(service), renderSettings(settings)] as const];
  });
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: settingsConfigMapName,
      namespace,
      labels: sharedServiceLabels('operator'),
      ...ownedBy(owners),
    },
    // An empty map would not be stored, and each comparison would find a difference.
    ...(data.length === 0 ? {} : { data: Object.fromEntries(data) }),
  };
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
