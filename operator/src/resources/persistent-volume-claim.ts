import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '@hybridstore/controller-runtime';
import { quantityToNumber } from '@hybridstore/controller-runtime';
import { sharedServiceLabels } from './labels.ts';
import { type SharedServiceName, stateClaimName } from './names.ts';
import type { PlatformSettings } from './settings.ts';
import type { TenantInput } from './tenant-metadata.ts';

/**
 * The tenant's tables; undefined when it brings its own claim. Without an owner reference: garbage collection must
 * never be what deletes data, the finalizer decides by `deletionPolicy`. `living` is the claim that is there already.
 */
export function buildDataClaim(
  { tenant, spec, settings }: TenantInput,
  living?: PersistentVolumeClaim,
): PersistentVolumeClaim | undefined {
  const { sharedVolume } = spec.storage.data;
  if (sharedVolume.existingClaim !== undefined) return undefined;
  const storageClassName = sharedVolume.storageClassName ?? settings.storage.dataStorageClassName;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: tenant.names.dataClaim, namespace: tenant.key.namespace, labels: tenant.labels },
    spec: {
      ...(readFixedFields(living) ?? buildFixedFields('ReadWriteMany', storageClassName)),
      resources: { requests: { storage: String(sharedVolume.size) } },
    },
  };
}

/**
 * What a shared service keeps (users, the catalog, logs). Not owned either: a reinstall finds it again. No volume shrinks:
 * one that lives keeps its size where the settings ask for less.
 */
export function buildStateClaim(
  service: SharedServiceName,
  settings: PlatformSettings,
  living?: PersistentVolumeClaim,
): PersistentVolumeClaim {
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
      ...(readFixedFields(living) ?? buildFixedFields('ReadWriteOnce', storageClassName)),
      resources: {
        requests: {
          storage: chooseLarger(settings.services[service].stateSize, living?.spec?.resources?.requests?.storage),
        },
      },
    },
  };
}

type FixedClaimFields = Pick<PersistentVolumeClaimSpec, 'accessModes' | 'storageClassName'>;

function buildFixedFields(accessMode: string, storageClassName: string | undefined): FixedClaimFields {
  return { accessModes: [accessMode], ...(storageClassName === undefined ? {} : { storageClassName }) };
}

/** What the API server lets nobody change of a claim; the cluster's default class may have been filled in. */
function readFixedFields(living: PersistentVolumeClaim | undefined): FixedClaimFields | undefined {
  if (living?.spec === undefined) return undefined;
  const { accessModes, storageClassName } = living.spec;
  return {
    ...(accessModes === undefined ? {} : { accessModes }),
    ...(storageClassName === undefined ? {} : { storageClassName }),
  };
}

function chooseLarger(wanted: string, living: string | undefined): string {
  return living !== undefined && quantityToNumber(living) > quantityToNumber(wanted) ? living : wanted;
}

/** No volume was ever chosen for it. A claim whose status nobody has written yet may be anything. */
export function isNeverBound({ spec, status }: PersistentVolumeClaim): boolean {
  return status?.phase === 'Pending' && spec?.volumeName === undefined;
}
