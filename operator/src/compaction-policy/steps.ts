import { CompactionPolicyStatus } from '@hybridstore/contracts';
import {
  canonicalJson,
  createStatusReader,
  done,
  hasFinalizer,
  proceed,
  removeFinalizer,
  requeueAfter,
  type StepResult,
  wait,
} from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import { type CompactionPolicy, compactionPolicies } from '../resources/custom-resources.ts';
import { finalizer } from '../resources/finalizer.ts';
import { findObstacle } from './decide.ts';
import { buildPolicyDefinition, policyIdOf } from './desired-state.ts';
import { observePolicy } from './observe.ts';
import type { Built, Declared, Loaded, Observed, PolicyStart, Valid } from './pass.ts';

const readStatus = createStatusReader<CompactionPolicy>(compileValidator(CompactionPolicyStatus).check);

export async function loadPolicy({ view, key }: PolicyStart): Promise<StepResult<Pick<Loaded, 'object'>>> {
  const stored = await view.get(compactionPolicies, key);
  return stored === undefined ? done() : proceed({ object: readStatus(stored) });
}

/**
 * A CompactionPolicy that is deleted goes; any other goes on. The catalog must have heard it, else it would go on compacting
 * by a policy that nobody sees.
 */
export async function finalizeIfDeleted({ kube, catalog, key, object }: Loaded): Promise<StepResult> {
  if (object.metadata.deletionTimestamp === undefined) return proceed();
  if (!hasFinalizer(object, finalizer)) return done();
  await catalog.deletePolicy(policyIdOf(key));
  await removeFinalizer(kube, compactionPolicies, object, finalizer);
  return done();
}

export async function observe({ view, key, spec }: Valid): Promise<StepResult<Pick<Observed, 'tenant' | 'world'>>> {
  const tenant = { namespace: key.namespace ?? '', name: spec.tenantRef.name };
  return proceed({ tenant, world: await observePolicy(view, tenant, spec) });
}

/** While something is in the way that no watch may show. */
const obstacleMs = 5_000;

export function waitForObstacle({ world, tenant }: Observed): StepResult {
  const obstacle = findObstacle(world, tenant.name);
  return obstacle === undefined ? proceed() : wait(obstacle.reason, obstacleMs);
}

export function build({ key, tenant, spec, world }: Observed): StepResult<Pick<Built, 'definition'>> {
  return proceed({ definition: buildPolicyDefinition(key, tenant, spec, world) });
}

/** The catalog's own state answers whether it still knows the policy: it may have been set up anew. */
export async function declare(pass: Built): Promise<StepResult<Pick<Declared, 'state'>>> {
  const { catalog, declarations, definition, object } = pass;
  const { uid } = object.metadata;
  const text = canonicalJson(definition);
  const known = declarations.isTaken(uid, text) ? await catalog.getPolicy(definition.policy_id) : undefined;
  if (known !== undefined) return proceed({ state: known });
  const state = await catalog.putPolicy(definition);
  declarations.noteTaken(uid, text);
  return proceed({ state });
}

/** How often the last run is read. */
const resyncMs = 30_000;

export function comeBack(): StepResult {
  return requeueAfter(resyncMs);
}
