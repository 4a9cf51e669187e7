export * from './compaction-policy.ts';
export * from './custom-resource-definitions.ts';
export * from './data-source.ts';
export {
  type DeletionPolicy,
  deletionPolicies,
  quantityPattern,
  tenantNameCharactersMax,
  tenantNamePattern,
} from './fields.ts';
export * from './pod-template.ts';
export * from './structural-schema.ts';
export * from './tenant.ts';
