import {
  addFinalizer,
  type ObjectKey,
  type ReconcileResult,
  refuseInvalid,
  Steps,
  waitForCache,
} from '@hybridstore/controller-runtime';
import { tenants } from '../resources/custom-resources.ts';
import { finalizer } from '../resources/finalizer.ts';
import { markClaims } from './claim-metadata.ts';
import { DesiredChildren } from './desired-state.ts';
import { parseTenant } from './parse.ts';
import type { TenantReconcilerOptions, TenantStart } from './pass.ts';
import { stopIfPaused } from './pause.ts';
import { Registrations } from './registrations.ts';
import { reportTenant } from './report.ts';
import { RolloutPlaces } from './rollout-places.ts';
import { SecretKeeper } from './secret-keeper.ts';
import {
  applyChildren,
  applyDataClaim,
  askNodes,
  chooseSize,
  comeBack,
  ensureSecret,
  finalizeIfDeleted,
  findWhatFails,
  giveUpNode,
  growLogVolumes,
  handOver,
  loadTenant,
  noteDrained,
  observe,
  pruneChildren,
  register,
  remakeUnbound,
  removeEmptyClaims,
  replaceStuckNode,
} from './steps.ts';
import { settlePlace, takeTurn } from './take-turn.ts';

/**
 * A pass over one Tenant. It gets a name, never an event; it may run twice, and may have died at any line before.
 *
 * Writes are few and ordered: what a node needs comes before the node; a mark in the status comes before the request to
 * drain; a set shrinks only in the pass in which the leaving node said that it holds nothing.
 */
const steps = new Steps<TenantStart>()
  .add(waitForCache)
  .add(settlePlace)
  .add(loadTenant)
  .add(finalizeIfDeleted)
  .add(stopIfPaused)
  .add(refuseInvalid(parseTenant))
  .add(addFinalizer(tenants, finalizer))
  .add(observe)
  .add(chooseSize)
  .add(giveUpNode)
  .add(handOver)
  .add(applyDataClaim)
  .add(ensureSecret)
  .add(remakeUnbound)
  .add(noteDrained)
  .add(takeTurn)
  .add(applyChildren)
  .add(pruneChildren)
  .add(growLogVolumes)
  .add(removeEmptyClaims)
  .add(markClaims)
  .add(askNodes)
  .add(findWhatFails)
  .add(replaceStuckNode)
  .report(reportTenant)
  .add(register)
  .add(comeBack);

export class TenantReconciler {
  readonly #tools: Omit<TenantStart, 'key'>;

  constructor(options: TenantReconcilerOptions) {
    this.#tools = {
      ...options,
      secrets: new SecretKeeper(options.kube, options.clock),
      registrations: new Registrations(options),
      desired: new DesiredChildren(),
      compared: new WeakMap(),
      places: new RolloutPlaces(options.settings.maxTenantsRolling, options.view, options.clock),
    };
  }

  async reconcile({ namespace = '', name }: ObjectKey): Promise<ReconcileResult> {
    const key = { namespace, name };
    try {
      return await steps.run({ ...this.#tools, key });
    } catch (error) {
      this.#tools.places.fail(key);
      throw error;
    }
  }
}
