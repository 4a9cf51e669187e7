// The front door for the command line, the start script and the tests: the Kubernetes port with its adapters, the kinds,
// and the operator itself.

import { systemClock } from '@hybridstore/runtime';
import { ApiServerKube } from './kube/api-server/api-server-kube.ts';
import { loadKubeConfig } from './kube/api-server/credentials.ts';
import * as builtIn from './kube/kinds.ts';
import * as custom from './resources/custom-resources.ts';

export { type Operator, type OperatorOptions, startOperator } from './app.ts';
export { EmbeddedApiServer } from './kube/embedded/api/api-server.ts';
export { startHttpFront } from './kube/embedded/http/http-server.ts';
export { writeKubeConfig } from './kube/embedded/http/kubeconfig.ts';
export { readJsonPath } from './kube/embedded/http/table.ts';
export { EmbeddedPlatform, type EmbeddedPlatformOptions } from './kube/embedded/platform.ts';
export type { CustomResourceDefinition } from './kube/kinds.ts';
export type { KubeObject, ObjectKey, Stored } from './kube/object.ts';
export { type Kube, listAll } from './kube/port.ts';
export type { Resource } from './kube/resource.ts';
export type { CompactionPolicy, DataSource, Tenant } from './resources/custom-resources.ts';
export { sharedServiceNames, signingSecretName } from './resources/names.ts';
export { buildSigningSecret, readSigningSecret } from './resources/secret.ts';
export type { PlatformSettings } from './resources/settings.ts';
export { PublishedKeysVerifier } from './token-verifier.ts';

/** Kinds that the command line and the tests ask for. */
export const kinds = {
  tenant: custom.tenants,
  dataSource: custom.dataSources,
  compactionPolicy: custom.compactionPolicies,
  pod: builtIn.pods,
  service: builtIn.services,
  configMap: builtIn.configMaps,
  secret: builtIn.secrets,
  serviceAccount: builtIn.serviceAccounts,
  persistentVolumeClaim: builtIn.persistentVolumeClaims,
  namespace: builtIn.namespaces,
  statefulSet: builtIn.statefulSets,
  deployment: builtIn.deployments,
  event: builtIn.events,
  customResourceDefinition: builtIn.customResourceDefinitions,
} as const;

/** A client of the API server that a kubeconfig file names (KUBECONFIG, the home folder or the pod's own account without one). */
export function connectKube(options: { readonly kubeconfig?: string } = {}): ApiServerKube {
  return new ApiServerKube({ config: loadKubeConfig(options.kubeconfig), clock: systemClock, random: Math.random });
}
