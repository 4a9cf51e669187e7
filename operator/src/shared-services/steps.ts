import { persistentVolumeClaims, proceed, requeueAfter, type StepResult, wait } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { managedBy, sharedServiceLabel } from '../resources/labels.ts';
import { buildSharedChildren, buildTargets, prunedKinds } from './desired-state.ts';
import { observeShared } from './observe.ts';
import { type Built, childrenOf, type Observed, type SharedStart } from './pass.ts';

export async function ensureKeys({ keys }: SharedStart): Promise<StepResult> {
  await keys.ensure();
  return proceed();
}

export async function observe(pass: SharedStart): Promise<StepResult<Pick<Observed, 'world'>>> {
  const { view, kube, settings, ownerName } = pass;
  return proceed({ world: await observeShared(view, kube, settings.namespace, ownerName) });
}

const ownerMissingMs = 15_000;

/** The installation is being removed: what is made now would stay behind. What is there keeps its owners, and goes. */
export function waitForOwner({ world, logger, ownerName }: Observed): StepResult {
  if (world.owners === undefined || world.owners.length > 0) return proceed();
  logger.warn('owner_missing', { owner: ownerName });
  return wait('OwnerMissing', ownerMissingMs);
}

export function build({ settings, keys, world }: Observed): StepResult<Pick<Built, 'desiredChildren'>> {
  const desiredChildren = buildSharedChildren({
    settings,
    jwks: keys.platformJwks(world.tenants),
    targets: buildTargets(settings, world.nodeSets),
    stateClaims: world.stateClaims,
    owners: world.owners ?? [],
  });
  return proceed({ desiredChildren });
}

/** A volume that cannot be as large as it should be must not keep the rest from converging: its service goes on. */
export async function applyChildren(pass: Built): Promise<StepResult> {
  const children = childrenOf(pass);
  for (const { resource, object } of pass.desiredChildren) {
    try {
      await children.apply(resource, object);
    } catch (error) {
      const isRefused = isHybridStoreError(error, 'invalid_request') || isHybridStoreError(error, 'forbidden');
      if (resource !== persistentVolumeClaims || !isRefused) throw error;
      pass.logger.warn('state_volume_refused', { claim: object.metadata.name, error });
    }
  }
  return proceed();
}

export async function pruneChildren(pass: Built): Promise<StepResult> {
  const selection = {
    namespace: pass.settings.namespace,
    labels: { 'app.kubernetes.io/managed-by': managedBy },
  };
  await childrenOf(pass).prune(prunedKinds, selection, pass.desiredChildren, isSharedObject);
  return proceed();
}

/** Tenants may live in the operator's namespace, too: what wears a tenant's label is not the shared services'. */
function isSharedObject(labels: Readonly<Record<string, string>>): boolean {
  return labels[sharedServiceLabel] !== undefined;
}

const resyncMs = 60_000;

export function comeBack(): StepResult {
  return requeueAfter(resyncMs);
}
