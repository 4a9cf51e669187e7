import { readTemplateRecord, type TenantInputs } from '../resources/template-record.ts';
import type { TenantWorld } from './world.ts';

/*
 * Whose change another template is, and what becomes of it:
 *
 *   no set, or none of its nodes is to run   at once: nothing restarts
 *   of the Tenant                            at once: whoever edits it asks for it
 *   of nobody: the set was edited            at once: what the operator gave is given again
 *   of the platform                          in turn: `maxTenantsRolling` tenants hold a place, the others keep what they have
 *
 * A set that holds a place keeps it until all its nodes are ready and of the newest template. One that fails keeps it, so a
 * bad change goes no further, and what corrects it reaches that one first, which has a place already.
 */

type LivingSet = NonNullable<TenantWorld['statefulSet']>;

/** What the template of a set would be now. */
export type WantedTemplate = { readonly digest: string; readonly inputs: TenantInputs };

/** Whether the set must wait for a place before it takes the wanted template. */
export function needsPlace(set: LivingSet | undefined, wanted: WantedTemplate): boolean {
  if (set === undefined || set.spec?.replicas === 0) return false;
  const { template } = readTemplateRecord(set);
  return template !== wanted.digest && !holdsPlace(set) && !isOwnChange(set, wanted.inputs);
}

/** Whether the set follows a change of the platform and has not ended it. */
export function holdsPlace(set: LivingSet): boolean {
  return readTemplateRecord(set).rollsSince !== undefined && !isSettled(set);
}

/**
 * Whether somebody edited the Tenant where its nodes follow it. A newer definition fills in defaults that were not there
 * when the set was made: the spec reads differently then, and is of the same generation.
 */
function isOwnChange(set: LivingSet, { generation, digest }: TenantInputs): boolean {
  const { inputs } = readTemplateRecord(set);
  return inputs !== undefined && inputs.digest !== digest && inputs.generation !== generation;
}

/**
 * Every node is ready and of the newest template, and the set has seen that. The revisions alone would not say so: a template
 * that is taken back is the current one at once, while nodes are still of the one between.
 */
function isSettled({ metadata, spec, status }: LivingSet): boolean {
  const {
    observedGeneration = 0,
    currentRevision,
    updateRevision,
    updatedReplicas = 0,
    readyReplicas = 0,
  } = status ?? {};
  const size = spec?.replicas ?? 1;
  const hasSeenTemplate = observedGeneration >= (metadata.generation ?? 0) && currentRevision === updateRevision;
  return hasSeenTemplate && updatedReplicas >= size && readyReplicas >= size;
}
