import type { PolicyRule } from '@hybridstore/controller-runtime';
import { adminSecretName, signingSecretName, tenantMasterSecretName } from '../resources/names.ts';
import { platformIssuers } from './signing-keys.ts';

const keep = ['get', 'list', 'watch', 'create', 'patch'] as const;
const write = [...keep, 'delete'] as const;

/** What the reconciler of the shared services may do, in the operator's namespace only. */
export const sharedServicesRules: readonly PolicyRule[] = [
  { apiGroups: ['apps'], resources: ['deployments'], verbs: write },
  { apiGroups: [''], resources: ['services', 'serviceaccounts'], verbs: write },
  // Never pruned: what is in them is nowhere else, or is read by all.
  { apiGroups: [''], resources: ['configmaps', 'persistentvolumeclaims'], verbs: keep },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: write },
  { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: write },
  {
    apiGroups: [''],
    resources: ['secrets'],
    verbs: ['get'],
    resourceNames: [...platformIssuers.map(signingSecretName), tenantMasterSecretName, adminSecretName],
  },
  // A name cannot bound a creation: the API server learns it only from the body.
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
];
