import type { CompactionPolicyDefinition, CompactionPolicyState, CompactionResult } from '@hybridstore/contracts';
import { type Clock, HybridStoreError, type Logger, Semaphore } from '@hybridstore/runtime';
import {
  boundsOf,
  type CompactionDefaults,
  policiesInForce,
  policyOfSource,
  requireValidPolicy,
} from './compaction-policy.ts';
import { decideDue, decideNextRun } from './compaction-schedule.ts';
import type { CompactionOrder, Compactor } from './compactor.ts';
import type { CatalogStore, PolicyState, StoredSource } from './ports.ts';

export type SchedulerOptions = {
  readonly store: CatalogStore;
  readonly compactor: Compactor;
  readonly defaults: CompactionDefaults;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Windows are minutes, so every minute is looked at. */
const tickMs = 20_000;
const resultsKeptMax = 1_000;

/**
 * Runs policies when they are due. When a policy last ran and runs next is in the store before the run starts: a
 * restart neither repeats nor forgets it, and a run that was missed comes once.
 */
export class CompactionScheduler {
  readonly #options: SchedulerOptions;
  readonly #runs = new Map<string, Promise<void>>();
  #cancelTick: (() => void) | undefined;
  #ticking: Promise<void> = Promise.resolve();

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancelTick = this.#options.clock.schedule(tickMs, () => {
      this.#ticking = this.tick()
        .catch((error: unknown) => this.#options.logger.error('compaction_tick_failed', { error }))
        .finally(() => {
          if (this.#cancelTick) this.start();
        });
    });
  }

  /** Starts nothing more and waits for what runs. */
  async stop(): Promise<void> {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    await this.#ticking;
    await this.idle();
  }

  async idle(): Promise<void> {
    await Promise.all(this.#runs.values());
  }

  /** One look at every policy of every tenant. Runs that are due are started, not awaited. */
  async tick(): Promise<void> {
    for (const tenant of await this.#options.store.tenants())
      for (const policy of await this.#policiesOf(tenant.tenantId)) await this.#look(policy);
  }

  async #policiesOf(tenantId: string): Promise<readonly CompactionPolicyDefinition[]> {
    return policiesInForce(tenantId, await this.#options.store.policies(tenantId), this.#options.defaults);
  }

  async #look(policy: CompactionPolicyDefinition): Promise<void> {
    if (this.#runs.has(policy.policy_id)) return;
    const nowMs = this.#options.clock.now();
    const state = await this.#options.store.policyState(policy.policy_id);
    const due = state ? decideDue(policy, state, nowMs) : 'decide';
    if (due === 'decide') await this.#decideAnew(policy, state);
    if (due === 'run' && state) await this.#startRun(policy, state);
  }

  /** Of a last run that lies in the future only the fact that there was one can be trusted. */
  async #decideAnew(policy: CompactionPolicyDefinition, state: PolicyState | undefined): Promise<PolicyState> {
    const nowMs = this.#options.clock.now();
    const lastRunAtMs = state?.lastRunAtMs == null ? null : Math.min(state.lastRunAtMs, nowMs);
    const decided: PolicyState = {
      policyId: policy.policy_id,
      lastRunAtMs,
      nextRunAtMs: decideNextRun(policy, { nowMs, lastRunAtMs }),
      decidedAtMs: nowMs,
      lastResults: state?.lastResults ?? [],
    };
    await this.#options.store.putPolicyState(decided);
    return decided;
  }

  async #startRun(policy: CompactionPolicyDefinition, state: PolicyState): Promise<void> {
    await this.#decideAnew(policy, { ...state, lastRunAtMs: this.#options.clock.now() });
    const run = this.#run(policy)
      .catch((error: unknown) =>
        this.#options.logger.error('compaction_run_failed', { policy: policy.policy_id, error }),
      )
      .finally(() => this.#runs.delete(policy.policy_id));
    this.#runs.set(policy.policy_id, run);
  }

  async #run(policy: CompactionPolicyDefinition): Promise<void> {
    const sources = await this.#sourcesOf(policy);
    const merging = new Semaphore({ running: policy.max_concurrent, waiting: sources.length });
    const results = await Promise.all(
      sources.map((source) => merging.run(() => this.#options.compactor.compact(buildOrder(policy, source, false)))),
    );
    await this.#keepResults(policy.policy_id, results);
  }

  /** Tables that this policy, and no more specific one, is for. */
  async #sourcesOf(policy: CompactionPolicyDefinition): Promise<readonly StoredSource[]> {
    const policies = await this.#policiesOf(policy.tenant_id);
    const sources = await this.#options.store.sources(policy.tenant_id);
    return sources.filter((source) => policyOfSource(policies, source.sourceId)?.policy_id === policy.policy_id);
  }

  async #keepResults(policyId: string, results: readonly CompactionResult[]): Promise<void> {
    const state = await this.#options.store.policyState(policyId);
    // Removed while it ran.
    if (!state) return;
    await this.#options.store.putPolicyState({ ...state, lastResults: results.slice(0, resultsKeptMax) });
  }

  /** Order to merge one source now, by the policy that covers it or else by the defaults. */
  async orderFor(source: StoredSource, force: boolean): Promise<CompactionOrder> {
    const policies = await this.#policiesOf(source.tenantId);
    const policy =
      policyOfSource(policies, source.sourceId) ?? policiesInForce(source.tenantId, [], this.#options.defaults)[0];
    if (!policy) throw new HybridStoreError('internal', 'no policy is in force');
    return buildOrder(policy, source, force);
  }

  /** Idempotent: the same policy again leaves its next run as it is. Throws `invalid_request` naming the field. */
  async putPolicy(policy: CompactionPolicyDefinition): Promise<CompactionPolicyState> {
    requireValidPolicy(policy);
    const known = await this.#options.store.policy(policy.policy_id);
    const state = await this.#options.store.policyState(policy.policy_id);
    const isSame = known !== undefined && JSON.stringify(known) === JSON.stringify(policy);
    if (!isSame) await this.#options.store.putPolicy(policy);
    return describePolicy(policy, isSame && state ? state : await this.#decideAnew(policy, state));
  }

  /** Undefined for a policy that does not exist. */
  async policyState(policyId: string): Promise<CompactionPolicyState | undefined> {
    const policy = await this.#options.store.policy(policyId);
    if (!policy) return undefined;
    const state = await this.#options.store.policyState(policyId);
    return describePolicy(policy, state ?? (await this.#decideAnew(policy, undefined)));
  }
}

function buildOrder(policy: CompactionPolicyDefinition, source: StoredSource, force: boolean): CompactionOrder {
  return {
    tenantId: source.tenantId,
    sourceId: source.sourceId,
    policyId: policy.policy_id,
    bounds: boundsOf(policy, source.definition),
    retainSnapshotsHours: policy.retain_snapshots_hours,
    force,
  };
}

function describePolicy(policy: CompactionPolicyDefinition, state: PolicyState): CompactionPolicyState {
  return {
    policy_id: policy.policy_id,
    active: policy.enabled,
    last_run_at: describeTime(state.lastRunAtMs),
    next_run_at: describeTime(state.nextRunAtMs),
    last_results: [...state.lastResults],
  };
}

function describeTime(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}
