import type { Labels, OwnerReference, Secret } from '@hybridstore/controller-runtime';
import { adminSecretName, adminUsername } from './names.ts';
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
    data: { [secretKey]: Buffer.from(input.secret).toString('base64') },
  };
}

/** The text that a Secret holds under `secret`; undefined when it holds none. */
export function readSigningSecret(secret: Secret): string | undefined {
  const data = secret.data?.[secretKey];
  return data === undefined || data === '' ? undefined : Buffer.from(data, 'base64').toString('utf8');
}

/** Name and password of the platform's administrator, made once; people may change it before the first start. */
export function buildAdminSecret(namespace: string, labels: Labels, password: string): Secret {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: adminSecretName, namespace, labels },
    type: 'Opaque',
    data: { username: encode(adminUsername), password: encode(password) },
  };
}
