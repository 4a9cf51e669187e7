import type { PersistentVolumeClaim } from '@hybridstore/controller-runtime';
import { sharedServiceLabels } from './labels.ts';
import { type SharedServiceName, stateClaimName } from './names.ts';
import type { PlatformSettings } from './settings.ts';
import type { TenantInput } from './tenant-metadata.ts';

/**
 * The tenant's tables; undefined when it brings its own claim. Without an owner reference: garbage collection must
 * never be what deletes data, the finalizer decides by `deletionPolicy`.
 */
export function buildDataClaim({ tenant, spec, settings }: TenantInput): PersistentVolumeClaim | undefined {
  const { sharedVolume } = spec.storage.data;
  if (sharedVolume.existingClaim !== undefined) return undefined;
  const storageClassName = sharedVolume.storageClassName ?? settings.storage.dataStorageClassName;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: tenant.names.dataClaim, namespace: tenant.key.namespace, labels: tenant.labels },
    spec: {
      accessModes: ['ReadWriteMany'],
      ...(storageClassName === undefined ? {} : { storageClassName }),
      resources: { requests: { storage: String(sharedVolume.size) } },
    },
  };
}

/** What a shared service keeps (users, the catalog, logs). Not owned either: a reinstall finds it again. */
export function buildStateClaim(service: SharedServiceName, settings: PlatformSettings): PersistentVolumeClaim {
  const storageClassName = settings.storage.stateStorageClassName;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: stateClaimName(service),
      namespace: settings.namespace,
      labels: sharedServiceLabels(service),
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(storageClassName === undefined ? {} : { storageClassName }),
      resources: { requests: { storage: settings.services[service].stateSize } },
    },
  };
}
