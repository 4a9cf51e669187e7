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
export {
  describeReserved,
  isReservedKey,
  reservedAnnotations,
  reservedClaimAnnotations,
  reservedLabels,
  VolumeMetadata,
} from './own-metadata.ts';
export * from './pod-template.ts';
export * from './structural-schema.ts';
export * from './tenant.ts';
