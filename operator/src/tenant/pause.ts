import { done, proceed, type StepResult, type Stored } from '@hybridstore/controller-runtime';
import type { Tenant } from '../resources/custom-resources.ts';

/** `"true"` pauses a Tenant without a change of its spec, which a pipeline may own. */
export const pausedAnnotation = 'hybridstore.dev/paused';

/** What says that a Tenant is paused; undefined where nothing does. */
export function findPause({ metadata, spec }: Stored<Tenant>): string | undefined {
  // A spec that slipped past its definition may hold anything.
  if (spec?.paused === true) return 'spec.paused is true';
  if (metadata.annotations?.[pausedAnnotation] === 'true') return `the annotation ${pausedAnnotation} is "true"`;
  return undefined;
}

/**
 * Ends the pass over a paused Tenant: its nodes run on, and nothing of it is made, changed or deleted. Comes after a deleted
 * one was let go. Only a change of the Tenant brings its key back with something to do.
 */
export function stopIfPaused({ object }: { readonly object: Stored<Tenant> }): StepResult {
  return findPause(object) === undefined ? proceed() : done();
}
