import type { Expectations } from '../controller/expectations.ts';
import { wait } from '../controller/reconcile-result.ts';
import type { KubeObject, ObjectKey, Stored } from '../kube/object.ts';
import type { Kube } from '../kube/ports.ts';
import type { Resource } from '../kube/resource.ts';
import { ensureFinalizer, type Finalizer } from './finalizers.ts';
import { proceed, refuse, type Step, type StepResult } from './run-steps.ts';

/** A spec that may be acted upon, or why it may not. */
export type Parsed<Spec> =
  | { readonly kind: 'valid'; readonly spec: Spec }
  | { readonly kind: 'invalid'; readonly problem: string };

/** Stored objects are frozen: what was found in one once stays true, and a later pass need not find it again. */
export function parseOnce<T extends object, Spec>(parse: (object: T) => Parsed<Spec>): (object: T) => Parsed<Spec> {
  const known = new WeakMap<T, Parsed<Spec>>();
  return (object) => {
    const parsed = known.get(object) ?? parse(object);
    known.set(object, parsed);
    return parsed;
  };
}

/** The caches must show what the pass before has written, else this one would do it twice. A watch brings the key back. */
const cacheBehindMsMax = 100;

/** The first step of every pass. */
export function waitForCache(pass: {
  readonly expectations: Pick<Expectations, 'isSatisfied'>;
  readonly key: ObjectKey;
}): StepResult {
  return pass.expectations.isSatisfied(pass.key) ? proceed() : wait('CacheBehind', cacheBehindMsMax);
}

/** Ends the pass where there are rules of the definition that the stored object breaks. */
export function refuseInvalid<T extends KubeObject, Spec>(
  parse: (object: T) => Parsed<Spec>,
): Step<{ readonly object: Stored<T> }, { readonly spec: Spec }> {
  return ({ object }) => {
    const parsed = parse(object);
    return parsed.kind === 'valid' ? proceed({ spec: parsed.spec }) : refuse('InvalidSpec', parsed.problem);
  };
}

/** Comes before the first thing that is made for the object: what is made must be finalized. */
export function addFinalizer<T extends KubeObject>(
  resource: Resource<T>,
  finalizer: Finalizer,
): Step<{ readonly kube: Pick<Kube, 'mergePatch'>; readonly object: Stored<T> }, { readonly object: Stored<T> }> {
  return async ({ kube, object }) => proceed({ object: await ensureFinalizer(kube, resource, object, finalizer) });
}
