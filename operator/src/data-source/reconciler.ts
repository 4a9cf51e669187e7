import {
  addFinalizer,
  type ObjectKey,
  type ReconcileResult,
  refuseInvalid,
  Steps,
  waitForCache,
} from '@hybridstore/controller-runtime';
import { dataSources } from '../resources/custom-resources.ts';
import { finalizer } from '../resources/finalizer.ts';
import { Declarations } from './declarations.ts';
import { parseDataSource } from './parse.ts';
import type { DataSourceReconcilerOptions, SourceStart } from './pass.ts';
import { reportSource } from './report.ts';
import { build, comeBack, declare, finalizeIfDeleted, loadSource, observe, waitForObstacle } from './steps.ts';

/**
 * A pass over one DataSource: its table is declared to the tenant's nodes, which create or widen it, and to the catalog.
 *
 * The truth of a table is its log on the tenant's volume; so a catalog that lost its entry, or a table that somebody
 * dropped, is declared again in the next pass.
 */
const steps = new Steps<SourceStart>()
  .add(waitForCache)
  .add(loadSource)
  .add(observe)
  .add(finalizeIfDeleted)
  .add(refuseInvalid(parseDataSource))
  .add(addFinalizer(dataSources, finalizer))
  .add(waitForObstacle)
  .add(build)
  .add(declare)
  .report(reportSource)
  .add(comeBack);

export class DataSourceReconciler {
  readonly #tools: Omit<SourceStart, 'key'>;

  constructor(options: DataSourceReconcilerOptions) {
    this.#tools = { ...options, declarations: new Declarations() };
  }

  async reconcile(key: ObjectKey): Promise<ReconcileResult> {
    return await steps.run({ ...this.#tools, key });
  }
}
