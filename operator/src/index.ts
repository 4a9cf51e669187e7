export { type Operator, startOperator } from './app.ts';
export { operatorIdentity } from './identity.ts';
export type { OperatorOptions } from './options.ts';
export {
  type CompactionPolicy,
  compactionPolicies,
  type DataSource,
  dataSources,
  type Tenant,
  tenants,
} from './resources/custom-resources.ts';
export { sharedServiceNames, signingSecretName } from './resources/names.ts';
export { buildSigningSecret, readSigningSecret } from './resources/secret.ts';
export type { PlatformSettings } from './resources/settings.ts';
export { PublishedKeysVerifier } from './token-verifier.ts';
