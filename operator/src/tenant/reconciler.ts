import { type ScalingDecision, type TenantSpec, TenantStatus } from '@hybridstore/contracts';
import type { Expectations, Kube } from '@hybridstore/controller-runtime';
import {
  addFinalizer,
  buildControllerReference,
  type Child,
  Children,
  type ClusterView,
  type Compared,
  createStatusReader,
  done,
  findTransitions,
  formatKey,
  formatTime,
  getOrNothing,
  hasFinalizer,
  type Judgement,
  keyOf,
  type ObjectKey,
  persistentVolumeClaims,
  type ReconcileResult,
  removeFinalizer,
  reportRefusal,
  reportStatus,
  requeueAfter,
  type Stored,
  secrets,
  tell,
  wait,
} from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import { type Clock, isHybridStoreError, type Logger, LruCache } from '@hybridstore/runtime';
import { type Tenant, tenants } from '../resources/custom-resources.ts';
import { tenantLabels } from '../resources/labels.ts';
import { type TenantKey, tenantIdOf, tenantNames } from '../resources/names.ts';
import { buildDataClaim } from '../resources/persistent-volume-claim.ts';
import { buildSigningSecret, readSigningSecret } from '../resources/secret.ts';
import type { PlatformSettings } from '../resources/settings.ts';
import type { TenantInput } from '../resources/stateful-set.ts';
import type { SizeDecision } from '../scaling/decide-size.ts';
import type { CatalogPort } from '../shared-services/catalog-client.ts';
import type { SigningKeys } from '../shared-services/signing-keys.ts';
import { currentSize, neverStored, startingSize, wantedSize } from './decide.ts';
import { buildTenantChildren, prunedKinds } from './desired-state.ts';
import { tidyTenant } from './finalizer.ts';
import { passHandOver } from './hand-over.ts';
import type { NodePort } from './node-client.ts';
import { drainedAnnotation, observeTenant, type TenantWorld } from './observe.ts';
import { parseTenant } from './parse.ts';
import type { SizeKeeper } from './size-keeper.ts';
import { buildRefusedStatus, buildTenantStatus, judgeTenant, type TenantOutcome } from './status.ts';

/** A tenant that nothing happens to is looked at this often; also how long a deleted Secret may stay away. */
const resyncMs = 60_000;
/** While a node hands over. */
const handOverPollMs = 1_000;
const catalogRetryMs = 5_000;

/** Children with what they follow from, besides the settings, which a process reads once. */
type Built = {
  readonly spec: TenantSpec;
  readonly size: number;
  readonly keysVersion: number;
  readonly children: readonly Child[];
};
const tenantsMax = 20_000;

/** Whether the catalog took a tenant, and when it is told again: changes of the tenant do not hurry a catalog that is away. */
type Registration = { readonly isTaken: boolean; readonly againAtMs: number };

/**
 * A pass over one Tenant. It gets a name, never an event; it may run twice, and may have died at any line before:
 *
 *   observe → gone? → deleting? → finalizer → decide the size → hand over → build → apply → prune → report
 *
 * Writes are few and ordered: what a node needs comes before the node; a mark in the status comes before the request to
 * drain; a set shrinks only in the pass in which the leaving node said that it holds nothing.
 */
export type TenantReconcilerOptions = {
  readonly kube: Kube;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  readonly settings: PlatformSettings;
  readonly keys: SigningKeys;
  readonly nodes: NodePort;
  readonly catalog: CatalogPort;
  readonly sizes: SizeKeeper;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onDecision?: (tenantId: string, decision: SizeDecision) => void;
  /** The Tenant is gone. */
  readonly onForgotten?: (tenantId: string) => void;
};

const readStatus = createStatusReader<Tenant>(compileValidator(TenantStatus).check);

export class TenantReconciler {
  readonly #options: TenantReconcilerOptions;
  /** When the Secret of a tenant was last seen as it should be. */
  readonly #secretSeenAtMs = new LruCache<string, number>(tenantsMax);
  readonly #registration = new LruCache<string, Registration>(tenantsMax);
  readonly #built = new LruCache<string, Built>(tenantsMax);
  readonly #compared: Compared = new WeakMap();

  constructor(options: TenantReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(objectKey: ObjectKey): Promise<ReconcileResult> {
    const { kube, view, expectations } = this.#options;
    const key: TenantKey = { namespace: objectKey.namespace ?? '', name: objectKey.name };
    if (!expectations.isSatisfied(key)) return wait('CacheBehind', 100);
    const stored = await view.get(tenants, key);
    if (stored === undefined) return this.#forget(key);
    const tenant = readStatus(stored);
    const isGoing = tenant.metadata.deletionTimestamp !== undefined;
    if (isGoing && tenant.spec?.preventDeletion !== true) return await this.#delete(key, tenant);
    const parsed = parseTenant(tenant);
    if (parsed.kind === 'invalid') return await this.#refuse(tenant, 'InvalidSpec', parsed.problem);
    const kept = hasFinalizer(tenant) || isGoing ? tenant : await addFinalizer(kube, tenants, tenant);
    try {
      return await this.#converge(key, kept, parsed.spec);
    } catch (error) {
      await this.#reportFailure(kept, error);
      throw error;
    }
  }

  async #converge(key: TenantKey, tenant: Stored<Tenant>, spec: TenantSpec): Promise<ReconcileResult> {
    const { kube, view } = this.#options;
    const children = this.#children(key, tenant);
    const world = await observeTenant(view, kube, key, spec.storage.data.sharedVolume.existingClaim);
    const current = currentSize(spec, tenant.status, world);
    const scaling = await this.#options.sizes.decide(key, tenant.metadata.uid, spec, world, current);
    const wanted = wantedSize(spec, current, scaling?.target);
    const handOver = await passHandOver(
      {
        key,
        size: startingSize(world, wanted),
        wanted,
        marked: tenant.status?.leaving ?? [],
        neverStored: neverStored(world),
        present: new Set(world.nodes.map((node) => node.ordinal)),
      },
      this.#options,
    );
    const input = { key, spec, owner: buildControllerReference(tenant), settings: this.#options.settings };
    const storageProblem = await this.#applyDataClaim(children, input);
    await this.#ensureSecret(key, tenant, input);
    await this.#noteDrained(children, world, handOver.decision.size);
    await this.#applyChildren(children, input, tenant, handOver.decision.size);
    const outcome: TenantOutcome = {
      key,
      spec,
      world,
      wanted,
      storageProblem,
      scaling,
      generation: tenant.metadata.generation ?? 0,
      previous: tenant.status,
      size: handOver.decision.size,
      leaving: handOver.leaving,
      stalled: handOver.stalled,
      lastScaling: this.#describeScaling(tenant.status, current, wanted, scaling),
      isDeletionHeld: tenant.metadata.deletionTimestamp !== undefined,
    };
    await this.#report(tenant, outcome, children);
    const isRegistered = await this.#register(key, tenant);
    return this.#next(spec, outcome, isRegistered);
  }

  #children(key: TenantKey, tenant: Stored<Tenant>): Children {
    const { kube, view, expectations } = this.#options;
    const compared = this.#compared;
    const { uid: parentUid } = tenant.metadata;
    return new Children({ kube, view, expectations, compared, parent: key, parentUid });
  }

  /** A size that the storage class refuses must not keep the rest from converging. */
  async #applyDataClaim(children: Children, input: TenantInput): Promise<string | undefined> {
    const claim = buildDataClaim(input);
    if (claim === undefined) return undefined;
    try {
      await children.apply(persistentVolumeClaims, claim);
      return undefined;
    } catch (error) {
      if (isHybridStoreError(error, 'invalid_request') || isHybridStoreError(error, 'forbidden')) return error.message;
      throw error;
    }
  }

  /** Read by name at most once a minute: Secrets are neither listed nor watched. */
  async #ensureSecret(key: TenantKey, tenant: Stored<Tenant>, { owner }: TenantInput): Promise<void> {
    const { kube, clock, keys } = this.#options;
    const { uid } = tenant.metadata;
    const seenAtMs = this.#secretSeenAtMs.get(uid);
    if (seenAtMs !== undefined && clock.monotonicMs() - seenAtMs < resyncMs) return;
    const wanted = buildSigningSecret({
      name: tenantNames(key.name).signingSecret,
      namespace: key.namespace,
      labels: tenantLabels(key.name),
      owners: [owner],
      secret: keys.tenantSecret({ ...key, uid }),
    });
    const stored = await getOrNothing(kube, secrets, keyOf(wanted));
    const isRight = stored !== undefined && readSigningSecret(stored) === readSigningSecret(wanted);
    // It cannot be edited, so a wrong one (of a former Tenant of this name, or somebody's) makes way first.
    if (stored !== undefined && !isRight)
      await kube.delete(secrets, keyOf(stored), { preconditions: { uid: stored.metadata.uid } });
    if (!isRight) await kube.create(secrets, wanted);
    this.#secretSeenAtMs.set(uid, clock.monotonicMs());
  }

  /**
   * The claim of a node that has handed over says so before the set shrinks, and no more before its node comes back:
   * a tenant that is made anew starts a node for every claim that does not say it.
   */
  async #noteDrained(children: Children, world: TenantWorld, size: number): Promise<void> {
    const { kube, clock } = this.#options;
    const before = world.statefulSet?.spec?.replicas ?? 0;
    for (const [ordinal, claim] of world.logClaims) {
      const isNoted = claim.metadata.annotations?.[drainedAnnotation] !== undefined;
      const leavesNow = ordinal >= size && ordinal < before;
      if (isNoted === leavesNow || (ordinal >= size && !leavesNow)) continue;
      const value = leavesNow ? formatTime(clock.now()) : null;
      const patch = { metadata: { annotations: { [drainedAnnotation]: value } } };
      children.noteWrite(persistentVolumeClaims, await kube.mergePatch(persistentVolumeClaims, keyOf(claim), patch));
    }
  }

  async #applyChildren(children: Children, input: TenantInput, tenant: Stored<Tenant>, size: number): Promise<void> {
    const { key } = input;
    const wanted = this.#build(input, tenant, size);
    await children.applyAll(wanted);
    await children.prune(prunedKinds, { namespace: key.namespace, ofParent: key.name }, wanted);
  }

  /** The same objects as in the pass before, while nothing that they follow from has changed. */
  #build(input: TenantInput, tenant: Stored<Tenant>, size: number): readonly Child[] {
    const { keys } = this.#options;
    const { uid } = tenant.metadata;
    const { version } = keys;
    const known = this.#built.get(uid);
    if (known?.spec === input.spec && known.size === size && known.keysVersion === version) return known.children;
    const children = buildTenantChildren(input, keys.tenantJwks({ ...input.key, uid }), size);
    this.#built.set(uid, { spec: input.spec, size, keysVersion: version, children });
    return children;
  }

  #describeScaling(
    previous: TenantStatus | undefined,
    from: number,
    to: number,
    scaling: SizeDecision | undefined,
  ): ScalingDecision | undefined {
    if (scaling === undefined || from === to || previous?.desiredReplicas === undefined) return previous?.lastScaling;
    return { time: formatTime(this.#options.clock.now()), from, to, reason: scaling.reason, message: scaling.message };
  }

  async #report(tenant: Stored<Tenant>, outcome: TenantOutcome, children: Children): Promise<void> {
    const { kube, clock, logger } = this.#options;
    const judgements = judgeTenant(outcome);
    const status = buildTenantStatus(outcome, judgements, clock.now());
    const written = await reportStatus(kube, tenants, tenant, status);
    if (written === undefined) return;
    children.noteWrite(tenants, written);
    await this.#announce(tenant, judgements);
    await this.#announceScaling(tenant, outcome);
    logger.info('tenant_reported', { tenant: tenantIdOf(outcome.key), size: outcome.size, wanted: outcome.wanted });
  }

  async #announce(tenant: Stored<Tenant>, judgements: readonly Judgement[]): Promise<void> {
    const { kube, logger } = this.#options;
    const told = findTransitions(judgements, tenant.status?.conditions ?? []).filter(isWorthTelling);
    for (const { type, status, reason, message } of told) {
      const isGood = type === 'Ready' && status === 'True';
      await tell(kube, logger, tenants, tenant, {
        type: isGood ? 'Normal' : 'Warning',
        reason,
        action: 'Judged',
        note: `${type}: ${message}`,
      });
    }
  }

  async #announceScaling(tenant: Stored<Tenant>, outcome: TenantOutcome): Promise<void> {
    const { kube, logger, onDecision } = this.#options;
    if (outcome.scaling !== undefined) onDecision?.(tenantIdOf(outcome.key), outcome.scaling);
    await this.#announceRecommendation(tenant, outcome);
    const { lastScaling } = outcome;
    if (lastScaling === undefined || lastScaling === tenant.status?.lastScaling) return;
    const reason = lastScaling.to > lastScaling.from ? 'ScaledUp' : 'ScalingDown';
    const note = `from ${lastScaling.from} to ${lastScaling.to} nodes: ${lastScaling.message}`;
    await tell(kube, logger, tenants, tenant, { type: 'Normal', reason, action: 'Scaled', note });
  }

  async #announceRecommendation(tenant: Stored<Tenant>, outcome: TenantOutcome): Promise<void> {
    const { kube, logger } = this.#options;
    const { spec, scaling, wanted } = outcome;
    if (spec.autoscaling.mode !== 'Recommend' || scaling === undefined || !scaling.isActive) return;
    const before = tenant.status?.recommendedReplicas ?? wanted;
    if (scaling.target === before) return;
    const note = `${scaling.target} nodes instead of ${wanted}: ${scaling.message}`;
    await tell(kube, logger, tenants, tenant, { type: 'Normal', reason: 'Recommended', action: 'Measured', note });
  }

  /** The catalog is a cache that finds tenants by their names as well; it must not keep a tenant from serving. */
  async #register(key: TenantKey, tenant: Stored<Tenant>): Promise<boolean> {
    const { catalog, clock, logger } = this.#options;
    const { uid } = tenant.metadata;
    const last = this.#registration.get(uid);
    if (last !== undefined && clock.monotonicMs() < last.againAtMs) return last.isTaken;
    const isTaken = await catalog.putTenant(key).then(
      () => true,
      (error: unknown) => {
        if (!isHybridStoreError(error)) throw error;
        logger.info('tenant_not_registered', { tenant: tenantIdOf(key), error });
        return false;
      },
    );
    this.#registration.set(uid, { isTaken, againAtMs: clock.monotonicMs() + (isTaken ? resyncMs : catalogRetryMs) });
    return isTaken;
  }

  #next(spec: TenantSpec, outcome: TenantOutcome, isRegistered: boolean): ReconcileResult {
    const isHandingOver = outcome.size > outcome.wanted || outcome.leaving.length > 0;
    const isScaled = spec.autoscaling.mode !== 'Off' && !spec.hibernated;
    const delays = [
      resyncMs,
      ...(isHandingOver ? [handOverPollMs] : []),
      ...(isScaled ? [spec.autoscaling.behavior.metricsIntervalSeconds * 1_000] : []),
      ...(isRegistered ? [] : [catalogRetryMs]),
    ];
    return requeueAfter(Math.min(...delays));
  }

  async #delete(key: TenantKey, tenant: Stored<Tenant>): Promise<ReconcileResult> {
    const { kube, view, logger, catalog } = this.#options;
    if (!hasFinalizer(tenant)) return done();
    const outcome = await tidyTenant(view, this.#children(key, tenant), tenant, key);
    if (outcome.kind === 'waiting') return wait(outcome.reason, 2_000);
    // The catalog forgets what it cannot be asked for any more; it is told before the last trace of the tenant goes.
    await catalog.deleteTenant(key).catch((error: unknown) => {
      logger.warn('tenant_not_unregistered', { tenant: tenantIdOf(key), error });
    });
    const isRetained = outcome.kind === 'retained';
    const note = `${isRetained ? 'volumes are kept' : 'volumes are deleted'}: ${outcome.claims.join(', ') || 'none'}`;
    const reason = isRetained ? 'VolumesRetained' : 'VolumesDeleted';
    await tell(kube, logger, tenants, tenant, { type: 'Normal', reason, action: 'Deleted', note });
    logger.info(isRetained ? 'volumes_retained' : 'volumes_deleted', {
      tenant: tenantIdOf(key),
      claims: outcome.claims,
    });
    await removeFinalizer(kube, tenants, tenant);
    return done();
  }

  async #refuse(tenant: Stored<Tenant>, reason: string, message: string): Promise<ReconcileResult> {
    const { kube, clock, logger } = this.#options;
    const context = { generation: tenant.metadata.generation ?? 0, nowMs: clock.now() };
    const status = buildRefusedStatus(tenant.status, { reason, message }, context);
    const written = await reportRefusal(kube, logger, tenants, tenant, status);
    if (written !== undefined)
      await tell(kube, logger, tenants, tenant, { type: 'Warning', reason, action: 'Refused', note: message });
    return done();
  }

  /** What a person has to mend goes into the status; what passes by itself is only tried again. */
  async #reportFailure(tenant: Stored<Tenant>, error: unknown): Promise<void> {
    const { logger } = this.#options;
    const lasting = isHybridStoreError(error, 'invalid_request') || isHybridStoreError(error, 'forbidden');
    const isTaken = isHybridStoreError(error, 'conflict') && error.details['reason'] === 'NameTaken';
    if (!isHybridStoreError(error) || (!lasting && !isTaken)) return;
    const reason = isTaken ? 'NameTaken' : 'ApplyRefused';
    await this.#refuse(tenant, reason, error.message).catch((second: unknown) => {
      logger.warn('failure_not_reported', { tenant: formatKey(keyOf(tenant)), error: second });
    });
  }

  #forget(key: TenantKey): ReconcileResult {
    this.#options.expectations.forget(key);
    this.#options.onForgotten?.(tenantIdOf(key));
    return done();
  }
}

/** Leaving and arriving are told by their own Events; here what a person may want to act on. */
function isWorthTelling({ type, status }: Judgement): boolean {
  return (
    (type === 'Ready' && status === 'True') ||
    (type === 'Degraded' && status === 'True') ||
    (type === 'DataSafe' && status === 'False')
  );
}
