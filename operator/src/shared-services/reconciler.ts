import type { ClusterView, Expectations, Kube, ObjectKey } from '@hybridstore/controller-runtime';
import { Children, deployments, type ReconcileResult, requeueAfter, wait } from '@hybridstore/controller-runtime';
import type { Clock, Logger } from '@hybridstore/runtime';
import { managedBy } from '../resources/labels.ts';
import type { PlatformSettings } from '../resources/settings.ts';
import { buildSharedChildren, buildTargets, prunedKinds } from './desired-state.ts';
import { observeShared } from './observe.ts';
import type { SigningKeys } from './signing-keys.ts';
import { findUnready } from './status.ts';

/**
 * A pass over the shared services. They have no object of their own: the wish is the operator's configuration, so there
 * is one key for all of them.
 *
 *   keys (made once) → observe → build → apply → prune → report
 *
 * The only key of the shared services' queue.
 */
export const sharedServicesKey: ObjectKey = { name: 'shared-services' };

const resyncMs = 60_000;

export type SharedServicesReconcilerOptions = {
  readonly kube: Kube;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  readonly settings: PlatformSettings;
  readonly keys: SigningKeys;
  readonly ownerConfigMap?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onUnready?: (services: readonly string[]) => void;
};

export class SharedServicesReconciler {
  readonly #options: SharedServicesReconcilerOptions;
  #unready = 'unknown';

  constructor(options: SharedServicesReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(): Promise<ReconcileResult> {
    const { kube, view, expectations, settings, keys } = this.#options;
    if (!expectations.isSatisfied(sharedServicesKey)) return wait('CacheBehind', 100);
    await keys.ensure();
    const world = await observeShared(view, kube, settings.namespace, this.#options.ownerConfigMap);
    const wanted = buildSharedChildren({
      settings,
      jwks: keys.platformJwks(world.tenants),
      targets: buildTargets(settings, world.nodeSets),
      owners: world.owners,
    });
    const children = new Children({ kube, view, expectations, parent: sharedServicesKey });
    await children.applyAll(wanted);
    const labels = { 'app.kubernetes.io/managed-by': managedBy };
    await children.prune(prunedKinds, { namespace: settings.namespace, labels }, wanted, isSharedObject);
    await this.#report();
    return requeueAfter(resyncMs);
  }

  async #report(): Promise<void> {
    const { view, settings, logger, onUnready } = this.#options;
    const labels = { 'app.kubernetes.io/managed-by': managedBy };
    const unready = findUnready(await view.list(deployments, { namespace: settings.namespace, labels }));
    onUnready?.(unready);
    const text = unready.join(',');
    if (text === this.#unready) return;
    this.#unready = text;
    logger.info(unready.length === 0 ? 'shared_services_ready' : 'shared_services_not_ready', { services: unready });
  }
}

/** Tenants may live in the operator's namespace, too: what wears a tenant's label is not the shared services'. */
function isSharedObject(labels: Readonly<Record<string, string>>): boolean {
  return labels['hybridstore.dev/shared-service'] !== undefined;
}
