import { type Deployment, deployments, type Ending, type Stored } from '@hybridstore/controller-runtime';
import { managedBy } from '../resources/labels.ts';
import type { Built, SharedStart } from './pass.ts';

/** The one place that shows how the shared services are. There is no object to report on: logs and metrics show it. */
export async function reportShared(pass: SharedStart, ending: Ending<Built>): Promise<void> {
  if (ending.kind !== 'complete') return;
  const { view, settings, logger, onUnready, noteUnready } = pass;
  const labels = { 'app.kubernetes.io/managed-by': managedBy };
  const unready = findUnready(await view.list(deployments, { namespace: settings.namespace, labels }));
  onUnready?.(unready);
  if (!noteUnready(unready)) return;
  logger.info(unready.length === 0 ? 'shared_services_ready' : 'shared_services_not_ready', { services: unready });
}

/** Services whose Deployment does not have all its pods ready. */
function findUnready(all: readonly Stored<Deployment>[]): readonly string[] {
  return all
    .filter(({ spec, status }) => (status?.readyReplicas ?? 0) < (spec?.replicas ?? 1))
    .map((deployment) => deployment.metadata.name)
    .sort();
}
