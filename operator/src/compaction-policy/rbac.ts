import type { PolicyRule } from '@hybridstore/controller-runtime';

/** What the CompactionPolicy's reconciler may do. */
export const compactionPolicyRules: readonly PolicyRule[] = [
  { apiGroups: ['hybridstore.dev'], resources: ['compactionpolicies'], verbs: ['list', 'watch', 'patch'] },
  { apiGroups: ['hybridstore.dev'], resources: ['compactionpolicies/status'], verbs: ['patch'] },
  { apiGroups: ['hybridstore.dev'], resources: ['tenants', 'datasources'], verbs: ['list', 'watch'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
];
