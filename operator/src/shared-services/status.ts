import type { Deployment, Stored } from '@hybridstore/controller-runtime';

/** Services whose Deployment does not have all its pods ready. There is no object to report on: logs and metrics tell. */
export function findUnready(deployments: readonly Stored<Deployment>[]): readonly string[] {
  return deployments
    .filter(({ spec, status }) => (status?.readyReplicas ?? 0) < (spec?.replicas ?? 1))
    .map((deployment) => deployment.metadata.name)
    .sort();
}
