import type { GrantedRule } from '@hybridstore/controller-runtime';

/** A role for people and GitOps, aggregated into the roles of the same names that Kubernetes brings. */
export type UserRole = {
  readonly name: 'view' | 'edit' | 'admin';
  readonly aggregateTo: readonly UserRole['name'][];
  readonly rules: readonly GrantedRule[];
};

const apiGroups = ['hybridstore.dev'];
const resources = ['tenants', 'datasources', 'compactionpolicies'];

export const userRoles: readonly UserRole[] = [
  {
    name: 'view',
    aggregateTo: ['view', 'edit', 'admin'],
    rules: [
      { apiGroups, resources, verbs: ['get', 'list', 'watch'], why: 'sees what is declared, and how it is' },
      {
        apiGroups,
        resources: [...resources.map((resource) => `${resource}/status`), 'tenants/scale'],
        verbs: ['get'],
        why: 'the same, by its parts',
      },
    ],
  },
  {
    name: 'edit',
    aggregateTo: ['edit', 'admin'],
    rules: [
      {
        apiGroups,
        resources,
        verbs: ['create', 'update', 'patch', 'delete'],
        why: 'declares, changes and deletes, one by one',
      },
      { apiGroups, resources: ['tenants/scale'], verbs: ['update', 'patch'], why: '`kubectl scale`' },
    ],
  },
  {
    name: 'admin',
    aggregateTo: ['admin'],
    rules: [{ apiGroups, resources, verbs: ['deletecollection'], why: 'deletes all of a namespace by one request' }],
  },
];
