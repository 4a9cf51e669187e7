import { managedBy } from './resources/labels.ts';

/** Who the operator is to Kubernetes: its fields and its children's label `managed-by` bear the one name, its Events the other. */
export const operatorIdentity = {
  fieldManager: managedBy,
  reportingController: 'hybridstore.dev/operator',
} as const;
