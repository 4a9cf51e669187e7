import type { PolicyRule } from '@hybridstore/controller-runtime';

const write = ['get', 'list', 'watch', 'create', 'patch', 'delete'] as const;

/** What the Tenant's reconciler may do, in every namespace that it watches. */
export const tenantRules: readonly PolicyRule[] = [
  { apiGroups: ['hybridstore.dev'], resources: ['tenants'], verbs: ['get', 'list', 'watch', 'patch'] },
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
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  // By name only: never listed, never watched.
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create', 'delete'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
];
