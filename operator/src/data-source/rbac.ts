import type { PolicyRule } from '@hybridstore/controller-runtime';

/** What the DataSource's reconciler may do. */
export const dataSourceRules: readonly PolicyRule[] = [
  { apiGroups: ['hybridstore.dev'], resources: ['datasources'], verbs: ['list', 'watch', 'patch'] },
  { apiGroups: ['hybridstore.dev'], resources: ['datasources/status'], verbs: ['patch'] },
  { apiGroups: ['hybridstore.dev'], resources: ['tenants'], verbs: ['list', 'watch'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
];
