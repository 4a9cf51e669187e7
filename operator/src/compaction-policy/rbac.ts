import type { GrantedRule } from '@hybridstore/controller-runtime';

/** What the CompactionPolicy's reconciler may do. */
export const compactionPolicyRules: readonly GrantedRule[] = [
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['compactionpolicies'],
    verbs: ['list', 'watch', 'patch'],
    why: 'follows them, and sets their finalizer; it writes no `spec`',
  },
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['compactionpolicies/status'],
    verbs: ['patch'],
    why: 'says how they are',
  },
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['tenants', 'datasources'],
    verbs: ['list', 'watch'],
    why: 'a policy waits for its Tenant, and is for its sources',
  },
  {
    apiGroups: ['events.k8s.io'],
    resources: ['events'],
    verbs: ['create', 'patch'],
    why: 'says what happened',
  },
];
