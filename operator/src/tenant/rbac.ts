import type { GrantedRule } from '@hybridstore/controller-runtime';
import { tenantKeysSecretName } from '../resources/names.ts';

const write = ['get', 'list', 'watch', 'create', 'patch', 'delete'] as const;

/** What the Tenant's reconciler may do, in every namespace that it watches. */
export const tenantRules: readonly GrantedRule[] = [
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['tenants'],
    verbs: ['list', 'watch', 'patch'],
    why: 'follows them, and sets their finalizer; it writes no `spec`',
  },
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['tenants/status'],
    verbs: ['patch'],
    why: 'says how they are',
  },
  {
    apiGroups: ['hybridstore.dev'],
    resources: ['tenants/finalizers'],
    verbs: ['update'],
    why: 'an owner reference with `blockOwnerDeletion` needs the right to set finalizers of the owner',
  },
  { apiGroups: ['apps'], resources: ['statefulsets'], verbs: write, why: 'the nodes of a tenant' },
  {
    apiGroups: [''],
    resources: ['services', 'configmaps', 'serviceaccounts', 'resourcequotas', 'limitranges'],
    verbs: write,
    why: 'what the nodes of a tenant need and are bound by',
  },
  {
    apiGroups: [''],
    resources: ['persistentvolumeclaims'],
    verbs: write,
    why: 'the volume of the tables, and marks on those of the logs; deleted: those that it made, where `deletionPolicy` says `Delete`',
  },
  {
    apiGroups: ['policy'],
    resources: ['poddisruptionbudgets'],
    verbs: write,
    why: 'how many nodes of a tenant may be away at a time',
  },
  {
    apiGroups: ['networking.k8s.io'],
    resources: ['networkpolicies'],
    verbs: write,
    why: 'who may reach the nodes of a tenant',
  },
  {
    apiGroups: [''],
    resources: ['pods'],
    verbs: ['list', 'watch', 'delete'],
    why: 'whether nodes are ready; deleted: one of an older template that cannot start',
  },
  {
    apiGroups: [''],
    resources: ['secrets'],
    verbs: ['get', 'patch', 'delete'],
    resourceNames: [tenantKeysSecretName],
    why: 'the keys of the tenants of the namespace, in the one Secret that it makes: no other is read, listed or watched',
  },
  {
    apiGroups: [''],
    resources: ['secrets'],
    verbs: ['create'],
    why: 'makes that Secret; a name cannot bound a creation, since the API server learns it only from the body',
  },
  {
    apiGroups: ['events.k8s.io'],
    resources: ['events'],
    verbs: ['create', 'patch'],
    why: 'says what happened',
  },
  {
    apiGroups: ['events.k8s.io'],
    resources: ['events'],
    verbs: ['list'],
    why: 'listed: why a pod or a volume is not made stands nowhere else',
  },
];
