/** What a reconcile may answer. Failures are thrown and mapped in requeue.ts. */
export type ReconcileResult =
  /** The world is as desired; only a change brings the key back. */
  | { readonly kind: 'done' }
  /** As desired for now; reconciled again after a time (a schedule, a retention). */
  | { readonly kind: 'requeue'; readonly afterMs: number }
  /** Something else has to happen first, which a watch will report; the time is the net below it. */
  | { readonly kind: 'wait'; readonly reason: string; readonly afterMs: number };

const doneResult: ReconcileResult = Object.freeze({ kind: 'done' });

export function done(): ReconcileResult {
  return doneResult;
}

export function requeueAfter(afterMs: number): ReconcileResult {
  return { kind: 'requeue', afterMs };
}

/** `reason` in UpperCamelCase: it goes to conditions and metrics. */
export function wait(reason: string, afterMs: number): ReconcileResult {
  return { kind: 'wait', reason, afterMs };
}
