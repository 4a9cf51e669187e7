import type { ServiceAccountSettings } from '@hybridstore/contracts';
import type { Labels, OwnerReference, ServiceAccount } from '@hybridstore/controller-runtime';
import { buildAccountMetadata } from './pod-template.ts';
import { ownedBy } from './service.ts';

/** An account without rights and without a mounted token: it only keeps pods apart. */
export function buildServiceAccount(input: {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly owners: readonly OwnerReference[];
  readonly settings: ServiceAccountSettings | undefined;
}): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: input.name,
      namespace: input.namespace,
      labels: input.labels,
      ...buildAccountMetadata(input.settings),
      ...ownedBy(input.owners),
    },
    automountServiceAccountToken: false,
  };
}
