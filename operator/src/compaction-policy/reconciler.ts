import {
  addFinalizer,
  type ObjectKey,
  type ReconcileResult,
  refuseInvalid,
  Steps,
  waitForCache,
} from '@hybridstore/controller-runtime';
import { compactionPolicies } from '../resources/custom-resources.ts';
import { finalizer } from '../resources/finalizer.ts';
import { Declarations } from './declarations.ts';
import { parsePolicy } from './parse.ts';
import type { CompactionPolicyReconcilerOptions, PolicyStart } from './pass.ts';
import { reportPolicy } from './report.ts';
import { build, comeBack, declare, finalizeIfDeleted, loadPolicy, observe, waitForObstacle } from './steps.ts';

/** A pass over one CompactionPolicy: it is declared to the catalog, which runs it, and its last run is shown in the status. */
const steps = new Steps<PolicyStart>()
  .add(waitForCache)
  .add(loadPolicy)
  .add(finalizeIfDeleted)
  .add(refuseInvalid(parsePolicy))
  .add(addFinalizer(compactionPolicies, finalizer))
  .add(observe)
  .add(waitForObstacle)
  .add(build)
  .add(declare)
  .report(reportPolicy)
  .add(comeBack);

export class CompactionPolicyReconciler {
  readonly #tools: Omit<PolicyStart, 'key'>;

  constructor(options: CompactionPolicyReconcilerOptions) {
    this.#tools = { ...options, declarations: new Declarations() };
  }

  async reconcile(key: ObjectKey): Promise<ReconcileResult> {
    return await steps.run({ ...this.#tools, key });
  }
}
