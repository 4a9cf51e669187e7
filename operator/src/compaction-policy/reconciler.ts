import {
  type CompactionPolicyDefinition,
  type CompactionPolicySpec,
  type CompactionPolicyState,
  CompactionPolicyStatus,
} from '@hybridstore/contracts';
import type { ClusterView, Expectations, Kube, ObjectKey, Stored } from '@hybridstore/controller-runtime';
import {
  addFinalizer,
  canonicalJson,
  createStatusReader,
  done,
  findTransitions,
  hasFinalizer,
  type ReconcileResult,
  removeFinalizer,
  reportRefusal,
  reportStatus,
  requeueAfter,
  tell,
  wait,
} from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import { type Clock, isHybridStoreError, type Logger, LruCache } from '@hybridstore/runtime';
import { type CompactionPolicy, compactionPolicies } from '../resources/custom-resources.ts';
import type { TenantKey } from '../resources/names.ts';
import type { CatalogPort } from '../shared-services/catalog-client.ts';
import { coversNothing, findObstacle } from './decide.ts';
import { buildPolicyDefinition } from './desired-state.ts';
import { tidyPolicy } from './finalizer.ts';
import { observePolicy, type PolicyWorld } from './observe.ts';
import { parsePolicy } from './parse.ts';
import { buildPolicyStatus, judgePolicy, type PolicyVerdict } from './status.ts';

const resyncMs = 30_000;
const obstacleMs = 5_000;
const policiesMax = 50_000;

/**
 * A pass over one CompactionPolicy: it is told to the catalog, which runs it, and the last run is shown in the status.
 *
 *   observe → gone? → deleting? → finalizer → obstacle? → build → put where it differs → report
 */
export type CompactionPolicyReconcilerOptions = {
  readonly kube: Kube;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  readonly catalog: CatalogPort;
  readonly clock: Clock;
  readonly logger: Logger;
};

const readStatus = createStatusReader<CompactionPolicy>(compileValidator(CompactionPolicyStatus).check);

export class CompactionPolicyReconciler {
  readonly #options: CompactionPolicyReconcilerOptions;
  /** Uid → definition that the catalog took from this process. */
  readonly #told = new LruCache<string, string>(policiesMax);

  constructor(options: CompactionPolicyReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { kube, view, expectations, catalog } = this.#options;
    if (!expectations.isSatisfied(key)) return wait('CacheBehind', 100);
    const stored = await view.get(compactionPolicies, key);
    if (stored === undefined) return done();
    const policy = readStatus(stored);
    if (policy.metadata.deletionTimestamp !== undefined) {
      if (!hasFinalizer(policy)) return done();
      await tidyPolicy(key, catalog);
      await removeFinalizer(kube, compactionPolicies, policy);
      return done();
    }
    const parsed = parsePolicy(policy);
    if (parsed.kind === 'invalid') {
      await this.#report(policy, { kind: 'refused', reason: 'InvalidSpec', message: parsed.problem });
      return done();
    }
    const kept = hasFinalizer(policy) ? policy : await addFinalizer(kube, compactionPolicies, policy);
    return await this.#converge(key, kept, parsed.spec);
  }

  async #converge(
    key: ObjectKey,
    policy: Stored<CompactionPolicy>,
    spec: CompactionPolicySpec,
  ): Promise<ReconcileResult> {
    const tenant: TenantKey = { namespace: key.namespace ?? '', name: spec.tenantRef.name };
    const world = await observePolicy(this.#options.view, tenant, spec);
    const obstacle = findObstacle(world, tenant.name);
    if (obstacle !== undefined) {
      await this.#report(policy, { kind: 'waiting', ...obstacle });
      return wait(obstacle.reason, obstacleMs);
    }
    try {
      const state = await this.#put(policy, buildPolicyDefinition(key, tenant, spec, world));
      await this.#report(policy, judgeState(spec, world, state));
      return requeueAfter(resyncMs);
    } catch (error) {
      await this.#reportFailure(policy, error);
      throw error;
    }
  }

  /** The catalog's own state answers whether it still knows the policy: it may have been set up anew. */
  async #put(policy: Stored<CompactionPolicy>, definition: CompactionPolicyDefinition): Promise<CompactionPolicyState> {
    const { catalog } = this.#options;
    const { uid } = policy.metadata;
    const text = canonicalJson(definition);
    const known = this.#told.get(uid) === text ? await catalog.getPolicy(definition.policy_id) : undefined;
    if (known !== undefined) return known;
    const state = await catalog.putPolicy(definition);
    this.#told.set(uid, text);
    return state;
  }

  async #reportFailure(policy: Stored<CompactionPolicy>, error: unknown): Promise<void> {
    if (!isHybridStoreError(error)) return;
    const isRefused = error.code === 'invalid_request';
    const wasReady = policy.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
    if (!isRefused && wasReady && policy.status?.observedGeneration === policy.metadata.generation) return;
    const reason = isRefused ? 'Refused' : 'CatalogUnavailable';
    await this.#report(policy, { kind: isRefused ? 'refused' : 'waiting', reason, message: error.message });
  }

  async #report(policy: Stored<CompactionPolicy>, verdict: PolicyVerdict): Promise<void> {
    const { kube, clock, logger, expectations } = this.#options;
    const context = { generation: policy.metadata.generation ?? 0, nowMs: clock.now() };
    const status = buildPolicyStatus(policy.status, verdict, context);
    const written =
      verdict.kind === 'refused'
        ? await reportRefusal(kube, logger, compactionPolicies, policy, status)
        : await reportStatus(kube, compactionPolicies, policy, status);
    if (written === undefined) return;
    const key = { namespace: policy.metadata.namespace ?? '', name: policy.metadata.name };
    expectations.wrote(key, compactionPolicies, written);
    const ready = findTransitions(judgePolicy(verdict), policy.status?.conditions ?? []).find(
      (judgement) => judgement.type === 'Ready',
    );
    if (ready === undefined) return;
    const type = verdict.kind === 'refused' ? 'Warning' : 'Normal';
    const { reason, message } = ready;
    await tell(kube, logger, compactionPolicies, policy, { type, reason, action: 'Activated', note: message });
  }
}

function judgeState(spec: CompactionPolicySpec, world: PolicyWorld, state: CompactionPolicyState): PolicyVerdict {
  if (coversNothing(world)) return { kind: 'uncovered', state };
  if (!spec.enabled) return { kind: 'disabled', state };
  return { kind: 'active', state, sources: world.sourceIds?.length ?? world.declared };
}
