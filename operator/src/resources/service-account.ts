import type { Labels, OwnerReference, ServiceAccount } from '@hybridstore/controller-runtime';
import { ownedBy } from './service.ts';

/** An account without rights and without a mounted token: it only keeps pods apart. */
export function buildServiceAccount(input: {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly owners: readonly OwnerReference[];
}): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: input.name, namespace: input.namespace, labels: input.labels, ...ownedBy(input.owners) },
    automountServiceAccountToken: false,
  };
}
