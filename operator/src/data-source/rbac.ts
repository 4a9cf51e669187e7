import type { GrantedRule } from '@hybridstore/controller-runtime';

/** What the DataSource's reconciler may do. */
export const dataSourceRules: readonly GrantedRule[] = [
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['datasources'],
    verbs: ['list', 'watch', 'patch'],
    why: 'follows them, and sets their finalizer; it writes no `spec`',
  },
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['datasources/status'],
    verbs: ['patch'],
    why: 'says how they are',
  },
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['tenants'],
    verbs: ['list', 'watch'],
    why: 'a source waits for its Tenant',
  },
  {
    apiGroups: ['events.k8s.io'],
    resources: ['events'],
    verbs: ['create', 'patch'],
    why: 'says what happened',
  },
];
