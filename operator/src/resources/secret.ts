import type { Labels, OwnerReference, Secret } from '@hybridstore/controller-runtime';
import { managedLabels } from './labels.ts';
import { adminSecretName, adminUsername, type TenantKey, tenantKeysSecretName } from './names.ts';
import { secretKey } from './pod.ts';
import { ownedBy } from './service.ts';

export type SigningSecretInput = {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly owners: readonly OwnerReference[];
  /** The secret's text; the caller made it from random bytes. */
  readonly secret: string;
};

/** Holds the secret from which an issuer derives its signing key. Cannot be edited: a new key is a new Secret. */
export function buildSigningSecret(input: SigningSecretInput): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: input.name,
      namespace: input.namespace,
      labels: input.labels,
      ...ownedBy(input.owners),
    },
    type: 'Opaque',
    immutable: true,
    data: { [secretKey]: encodeSecret(input.secret) },
  };
}

/** The text that a Secret holds under `secret`; undefined when it holds none. */
export function readSigningSecret(secret: Secret): string | undefined {
  const data = secret.data?.[secretKey];
  return data === undefined || data === '' ? undefined : Buffer.from(data, 'base64').toString('utf8');
}

/** Holds the signing secrets of a namespace's tenants, at first of one. No Tenant owns it: others need it longer. */
export function buildTenantKeysSecret(tenant: TenantKey, secret: string): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: tenantKeysSecretName, namespace: tenant.namespace, labels: managedLabels },
    type: 'Opaque',
    data: { [tenant.name]: encodeSecret(secret) },
  };
}

/** A text as the `data` of a Secret carries it. */
export function encodeSecret(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Name and password of the platform's administrator, made once; people may change it before the first start. */
export function buildAdminSecret(namespace: string, labels: Labels, password: string): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: adminSecretName, namespace, labels },
    type: 'Opaque',
    data: { username: encodeSecret(adminUsername), password: encodeSecret(password) },
  };
}
