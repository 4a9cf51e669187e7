import { type ClusterView, formatKey, statefulSets } from '@hybridstore/controller-runtime';
import { type Clock, Semaphore } from '@hybridstore/runtime';
import { tenants } from '../resources/custom-resources.ts';
import { tenantNameOf } from '../resources/labels.ts';
import { type TenantKey, tenantNames } from '../resources/names.ts';
import { readTemplateRecord } from '../resources/template-record.ts';
import { isLeaving } from './decide.ts';
import { holdsPlace } from './decide-rollout.ts';
import { parseTenant } from './parse.ts';
import { findPause } from './pause.ts';

/** Passes that count at once: the workers of a controller are fewer. */
const passesMax = 1_000;
const untilSettled = Number.POSITIVE_INFINITY;
/** In which a write whose answer was lost shows in the caches. */
const failedMsMax = 5_000;

/**
 * The places of tenants that follow a change of the platform. Who holds one stands in the sets (template-record.ts), so a
 * process that begins anew counts as the one before it did; what is kept here is only what the caches may not show yet:
 *
 *   take → reserved ─ the pass writes the mark ─ the key's next pass, which has waited for the cache ─→ the mark alone
 *              └─ the pass fails, and may have written ─ some seconds ─→ the mark alone, where there is one
 *
 * Tenants that the operator does not act on (paused, leaving, refused) hold nothing: nobody would wait for their end.
 */
export class RolloutPlaces {
  readonly #max: number;
  readonly #view: ClusterView;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** Counting and taking are one, whatever passes run beside each other. */
  readonly #counting = new Semaphore({ running: 1, waiting: passesMax });
  /** Until when, on the monotonic clock. */
  readonly #reserved = new Map<string, number>();
  /** Tenants whose sets had the mark when all were looked at, or were given it since; no more than there are tenants. */
  #marked: Map<string, TenantKey> | undefined;

  constructor(max: number, view: ClusterView, clock: Pick<Clock, 'monotonicMs'>) {
    this.#max = max;
    this.#view = view;
    this.#clock = clock;
  }

  /** Takes a place; where none is free, gives the tenants that hold them, in order of name. */
  async take(key: TenantKey): Promise<readonly string[]> {
    return await this.#counting.run(async () => {
      this.#marked ??= await this.#findMarked();
      const holders = await this.#findHolders(this.#marked, key);
      if (holders.length >= this.#max) return holders;
      this.#reserved.set(formatKey(key), untilSettled);
      this.#marked.set(formatKey(key), key);
      return [];
    });
  }

  /** The caches show what the last pass is known to have written: the set says by itself whether it holds a place. */
  settle(key: TenantKey): void {
    const id = formatKey(key);
    if (this.#reserved.get(id) === untilSettled) this.#reserved.delete(id);
  }

  /** The pass failed. Its last write may have arrived all the same, and show in the caches within some seconds. */
  fail(key: TenantKey): void {
    const id = formatKey(key);
    if (this.#reserved.has(id)) this.#reserved.set(id, this.#clock.monotonicMs() + failedMsMax);
  }

  async #findMarked(): Promise<Map<string, TenantKey>> {
    const sets = await this.#view.list(statefulSets, {});
    const keys = sets.flatMap((set): readonly TenantKey[] => {
      const { namespace } = set.metadata;
      const name = tenantNameOf(set);
      const isMarked = readTemplateRecord(set).rollsSince !== undefined;
      return !isMarked || namespace === undefined || name === undefined ? [] : [{ namespace, name }];
    });
    return new Map(keys.map((key) => [formatKey(key), key]));
  }

  async #findHolders(marked: Map<string, TenantKey>, asking: TenantKey): Promise<readonly string[]> {
    const holders: string[] = [];
    for (const [id, key] of marked) {
      if (id === formatKey(asking)) continue;
      const set = await this.#view.get(statefulSets, { ...key, name: tenantNames(key.name).base });
      const isMarked = set !== undefined && readTemplateRecord(set).rollsSince !== undefined;
      if (this.#isReserved(id) || (isMarked && holdsPlace(set) && (await this.#isActedOn(key)))) holders.push(id);
      else if (!isMarked) marked.delete(id);
    }
    return holders.sort();
  }

  #isReserved(id: string): boolean {
    const untilMs = this.#reserved.get(id) ?? 0;
    if (this.#clock.monotonicMs() < untilMs) return true;
    this.#reserved.delete(id);
    return false;
  }

  async #isActedOn(key: TenantKey): Promise<boolean> {
    const tenant = await this.#view.get(tenants, key);
    if (tenant === undefined || isLeaving(tenant)) return false;
    return findPause(tenant) === undefined && parseTenant(tenant).kind === 'valid';
  }
}
