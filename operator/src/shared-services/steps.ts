import { proceed, requeueAfter, type StepResult } from '@hybridstore/controller-runtime';
import { managedBy, sharedServiceLabel } from '../resources/labels.ts';
import { buildSharedChildren, buildTargets, prunedKinds } from './desired-state.ts';
import { observeShared } from './observe.ts';
import { type Built, childrenOf, type Observed, type SharedStart } from './pass.ts';

export async function ensureKeys({ keys }: SharedStart): Promise<StepResult> {
  await keys.ensure();
  return proceed();
}

export async function observe(pass: SharedStart): Promise<StepResult<Pick<Observed, 'world'>>> {
  const { view, kube, settings, ownerConfigMap } = pass;
  return proceed({ world: await observeShared(view, kube, settings.namespace, ownerConfigMap) });
}

export function build({ settings, keys, world }: Observed): StepResult<Pick<Built, 'desiredChildren'>> {
  const desiredChildren = buildSharedChildren({
    settings,
    jwks: keys.platformJwks(world.tenants),
    targets: buildTargets(settings, world.nodeSets),
    owners: world.owners,
  });
  return proceed({ desiredChildren });
}

export async function applyChildren(pass: Built): Promise<StepResult> {
  await childrenOf(pass).applyAll(pass.desiredChildren);
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
