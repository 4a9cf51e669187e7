import type { TenantSpec } from '@hybridstore/contracts';
import type { Labels, ObjectMeta, OwnerReference } from '@hybridstore/controller-runtime';
import { tenantLabels, tenantNodeSelector } from './labels.ts';
import { type TenantKey, type TenantNames, tenantNames } from './names.ts';
import type { PlatformSettings } from './settings.ts';

/** What the objects of a tenant follow from. */
export type TenantInput = {
  readonly tenant: TenantMetadata;
  readonly spec: TenantSpec;
  readonly settings: PlatformSettings;
};

/** Names, labels and owner of everything that one tenant is made of: worked out once, and handed to every builder. */
export type TenantMetadata = {
  readonly key: TenantKey;
  readonly names: TenantNames;
  readonly labels: Labels;
  /** The part of the labels that never changes. */
  readonly selector: Labels;
  readonly owner: OwnerReference;
};

export function buildTenantMetadata(key: TenantKey, owner: OwnerReference): TenantMetadata {
  const { name } = key;
  return { key, owner, names: tenantNames(name), labels: tenantLabels(name), selector: tenantNodeSelector(name) };
}

/** Metadata of an object that goes with its Tenant. */
export function ownedMetadata({ key, labels, owner }: TenantMetadata, name: string): ObjectMeta {
  return { name, namespace: key.namespace, labels, ownerReferences: [owner] };
}
