import { type ObjectKey, type ReconcileResult, Steps, waitForCache } from '@hybridstore/controller-runtime';
import type { SharedServicesReconcilerOptions, SharedStart } from './pass.ts';
import { reportShared } from './report.ts';
import { applyChildren, build, comeBack, ensureKeys, observe, pruneChildren, waitForOwner } from './steps.ts';

/**
 * A pass over the shared services. They have no object of their own: what is desired is the operator's configuration, so
 * there is one key for all of them, and logs and metrics stand in for a status.
 */
const steps = new Steps<SharedStart>()
  .add(waitForCache)
  .add(ensureKeys)
  .add(observe)
  .add(waitForOwner)
  .add(build)
  .add(applyChildren)
  .add(pruneChildren)
  .report(reportShared)
  .add(comeBack);

/** The only key of the shared services' queue. */
export const sharedServicesKey: ObjectKey = { name: 'shared-services' };

export class SharedServicesReconciler {
  readonly #start: SharedStart;

  constructor(options: SharedServicesReconcilerOptions) {
    let last = 'unknown';
    const noteUnready = (services: readonly string[]) => {
      const [before, now] = [last, services.join(',')];
      last = now;
      return now !== before;
    };
    this.#start = { ...options, key: sharedServicesKey, noteUnready };
  }

  async reconcile(): Promise<ReconcileResult> {
    return await steps.run({ ...this.#start });
  }
}
