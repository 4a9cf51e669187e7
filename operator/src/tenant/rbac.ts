import type { PolicyRule } from '@hybridstore/controller-runtime';
import { tenantKeysSecretName } from '../resources/names.ts';

const write = ['get', 'list', 'watch', 'create', 'patch', 'delete'] as const;

/** What the Tenant's reconciler may do, in every namespace that it watches. */
export const tenantRules: readonly PolicyRule[] = [
  { apiGroups: ['hybridstore.dev'], resources: ['tenants'], verbs: ['list', 'watch', 'patch'] },
  { apiGroups: ['hybridstore.dev'], resources: ['tenants/status'], verbs: ['patch'] },
  // Owner references with blockOwnerDeletion need the right to set finalizers of the owner.
  { apiGroups: ['hybridstore.dev'], resources: ['tenants/finalizers'], verbs: ['update'] },
  { apiGroups: ['apps'], resources: ['statefulsets'], verbs: write },
  {
    apiGroups: [''],
    resources: ['services', 'configmaps', 'serviceaccounts', 'persistentvolumeclaims', 'resourcequotas', 'limitranges'],
    verbs: write,
  },
  { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: write },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: write },
  // Deleted: one of an older template that cannot start, see replace-stuck.ts.
  { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch', 'delete'] },
  // Of all Secrets it may touch the one that it makes, by its name: never another, never listed, never watched.
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'patch', 'delete'], resourceNames: [tenantKeysSecretName] },
  // A name cannot bound a creation: the API server learns it only from the body.
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  // Listed: why a pod or a volume is not made stands nowhere else.
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['list', 'create', 'patch'] },
];
