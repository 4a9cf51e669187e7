import type { GrantedRule } from '@hybridstore/controller-runtime';
import { adminSecretName, signingSecretName, tenantMasterSecretName } from '../resources/names.ts';
import { platformIssuers } from './signing-keys.ts';

const keep = ['get', 'list', 'watch', 'create', 'patch'] as const;
const write = [...keep, 'delete'] as const;

/** What the reconciler of the shared services may do, in the operator's namespace only. */
export const sharedServicesRules: readonly GrantedRule[] = [
  { apiGroups: ['apps'], resources: ['deployments'], verbs: write, why: 'the shared services' },
  {
    apiGroups: [''],
    resources: ['services', 'serviceaccounts'],
    verbs: write,
    why: 'their addresses, and accounts without a right',
  },
  {
    apiGroups: [''],
    resources: ['configmaps', 'persistentvolumeclaims'],
    verbs: keep,
    why: 'their settings, the public keys, their volumes; never deleted: what is in them is nowhere else, or is read by all',
  },
  {
    apiGroups: ['networking.k8s.io'],
    resources: ['networkpolicies'],
    verbs: write,
    why: 'who may reach the shared services',
  },
  {
    apiGroups: ['policy'],
    resources: ['poddisruptionbudgets'],
    verbs: write,
    why: 'one pod at a time of a service with several',
  },
  {
    apiGroups: [''],
    resources: ['secrets'],
    verbs: ['get'],
    resourceNames: [...platformIssuers.map(signingSecretName), tenantMasterSecretName, adminSecretName],
    why: 'the keys and the password that it makes, by their names: no other is read, listed or watched',
  },
  {
    apiGroups: [''],
    resources: ['secrets'],
    verbs: ['create'],
    why: 'makes them; a name cannot bound a creation, since the API server learns it only from the body',
  },
];
