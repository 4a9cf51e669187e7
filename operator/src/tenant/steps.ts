import { TenantStatus } from '@hybridstore/contracts';
import {
  buildControllerReference,
  createStatusReader,
  done,
  formatTime,
  hasFinalizer,
  type KubeObject,
  keyOf,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  pods,
  proceed,
  type Resource,
  recordEvent,
  removeFinalizer,
  requeueAfter,
  type StepResult,
  type Stored,
  statefulSets,
  wait,
} from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import { type HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import { type Tenant, tenants } from '../resources/custom-resources.ts';
import { finalizer } from '../resources/finalizer.ts';
import { ordinalOf, type TenantKey, tenantIdOf } from '../resources/names.ts';
import { buildDataClaim, isNeverBound } from '../resources/persistent-volume-claim.ts';
import { buildTenantMetadata, type TenantMetadata } from '../resources/tenant-metadata.ts';
import { chooseLeaving } from '../scaling/decide-hand-over.ts';
import { currentSize, isLeaving, startingSize, wantedSize } from './decide.ts';
import { prunedKinds } from './desired-state.ts';
import { finalizeTenant } from './finalizer.ts';
import { findFailures } from './find-failures.ts';
import { formatFailure } from './format-failure.ts';
import { giveUpAnnotation, passGiveUp } from './give-up.ts';
import { passHandOver } from './hand-over.ts';
import { type ClaimRemoval, confirmDrained, decideClaimRemovals, findNeverStored, removeAsSeen } from './log-claims.ts';
import { readEvents } from './object-events.ts';
import { observeTenant } from './observe.ts';
import {
  type Applied,
  type Asked,
  childrenOf,
  type Examined,
  type GaveUp,
  type HandingOver,
  type Loaded,
  type Observed,
  type Registered,
  type Sized,
  type TenantStart,
  type Turned,
  type Valid,
} from './pass.ts';
import { catalogRetryMs } from './registrations.ts';
import { decideReplacement, deleteAsSeen } from './replace-stuck.ts';
import { describeRefusedGrowth, findLeftUnbound, findMistakenDataClaim, findToGrow, mustRemakeSet } from './volumes.ts';
import { drainedAnnotation, type FoundProblem } from './world.ts';

const readStatus = createStatusReader<Tenant>(compileValidator(TenantStatus).check);

export async function loadTenant(pass: TenantStart): Promise<StepResult<Pick<Loaded, 'object' | 'tenant'>>> {
  const stored = await pass.view.get(tenants, pass.key);
  if (stored === undefined) return forget(pass);
  return proceed({ tenant: metadataOf(stored, pass.key), object: readStatus(stored) });
}

const knownMetadata = new WeakMap<Stored<Tenant>, TenantMetadata>();

/** Stored objects are frozen: what follows from one need not be worked out again. */
function metadataOf(stored: Stored<Tenant>, key: TenantKey): TenantMetadata {
  const metadata = knownMetadata.get(stored) ?? buildTenantMetadata(key, buildControllerReference(stored));
  knownMetadata.set(stored, metadata);
  return metadata;
}

function forget({ key, expectations, onForgotten }: TenantStart): StepResult<never> {
  expectations.forget(key);
  onForgotten?.(tenantIdOf(key));
  return done();
}

/** A watch shows that the nodes have stopped; this is the net below it. */
const stoppingMsMax = 2_000;

/** A Tenant that is deleted, and may be, goes; any other goes on. */
export async function finalizeIfDeleted(pass: Loaded): Promise<StepResult> {
  const { kube, view, key, object } = pass;
  if (!isLeaving(object)) return proceed();
  if (!hasFinalizer(object, finalizer)) return done();
  const outcome = await finalizeTenant(view, childrenOf(pass), object, key);
  if (outcome.kind === 'waiting') return wait(outcome.reason, stoppingMsMax);
  await unregister(pass);
  await recordVolumes(pass, outcome.kind === 'retained', outcome.claims);
  await pass.secrets.remove(key);
  await removeFinalizer(kube, tenants, object, finalizer);
  return done();
}

/** The catalog forgets what it cannot be asked for any more, before the last trace of the tenant goes. */
async function unregister({ catalog, key, logger }: Loaded): Promise<void> {
  await catalog.deleteTenant(key).catch((error: unknown) => {
    logger.warn('tenant_not_unregistered', { tenant: tenantIdOf(key), error });
  });
}

async function recordVolumes(pass: Loaded, isRetained: boolean, claims: readonly string[]): Promise<void> {
  const note = `${isRetained ? 'volumes are kept' : 'volumes are deleted'}: ${claims.join(', ') || 'none'}`;
  const reason = isRetained ? 'VolumesRetained' : 'VolumesDeleted';
  await recordEvent(pass, tenants, pass.object, { type: 'Normal', reason, action: 'Deleted', note });
  pass.logger.info(isRetained ? 'volumes_retained' : 'volumes_deleted', { tenant: tenantIdOf(pass.key), claims });
}

export async function observe({ view, kube, key, spec }: Valid): Promise<StepResult<Pick<Observed, 'world'>>> {
  return proceed({ world: await observeTenant(view, kube, key, spec.storage.data.sharedVolume.existingClaim) });
}

/** How many nodes there should be in the end. */
export async function chooseSize(pass: Observed): Promise<StepResult<Pick<Sized, 'current' | 'wanted' | 'scaling'>>> {
  const { sizes, key, object, spec, world } = pass;
  const current = currentSize(spec, object.status, world);
  const scaling = await sizes.decide({ key, uid: object.metadata.uid, spec, world, current });
  pass.onSized?.(tenantIdOf(key), scaling);
  return proceed({ current, scaling, wanted: wantedSize(spec, current, scaling?.target) });
}

/** A node that is away for good, as a person says. */
export async function giveUpNode(pass: Sized): Promise<StepResult<Pick<GaveUp, 'givingUp'>>> {
  const { key, object, world, nodes, logger } = pass;
  const request = object.metadata.annotations?.[giveUpAnnotation];
  const givingUp = await passGiveUp({ key, request, previous: object.status?.givingUp, world, nodes });
  if (givingUp !== undefined) logger.info('giving_up_node', { tenant: tenantIdOf(key), ...givingUp });
  return proceed({ givingUp });
}

/** Nodes leave one by one, and none while it holds rows that are not committed, but for one that was given up with them. */
export async function handOver(pass: GaveUp): Promise<StepResult<Pick<HandingOver, 'handOver'>>> {
  const { key, world, wanted, object, kube } = pass;
  const size = startingSize(world, wanted);
  const request = {
    key,
    size,
    wanted,
    marked: object.status?.leaving ?? [],
    mayGo: new Set([
      ...(await findNeverStored(kube, key, world, chooseLeaving(size, wanted)[0])),
      ...givenUpOrdinals(pass),
    ]),
    present: new Set(world.nodes.map((node) => node.ordinal)),
  };
  return proceed({ handOver: await passHandOver(request, pass) });
}

function givenUpOrdinals({ key, givingUp }: GaveUp): readonly number[] {
  if (givingUp?.state !== 'GivenUp' || givingUp.pod === undefined) return [];
  const ordinal = ordinalOf(key.name, givingUp.pod);
  return ordinal === undefined ? [] : [ordinal];
}

/** A size that the storage class refuses must not keep the rest from converging. */
export async function applyDataClaim(pass: Observed): Promise<StepResult<Pick<Applied, 'storageProblem'>>> {
  const { world } = pass;
  const mistaken = findMistakenDataClaim(world, buildDataClaim(pass));
  if (mistaken !== undefined) return await removeMistaken(pass, [mistaken]);
  const claim = buildDataClaim(pass, world.dataClaim);
  if (claim === undefined) return proceed({ storageProblem: undefined });
  try {
    await childrenOf(pass).apply(persistentVolumeClaims, claim);
    return proceed({ storageProblem: undefined });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return proceed({ storageProblem: { reason: 'Refused', message: error.message } });
  }
}

function isRefusal(error: unknown): error is HybridStoreError {
  return isHybridStoreError(error, 'invalid_request') || isHybridStoreError(error, 'forbidden');
}

/** Until what is deleted is gone; a watch shows it. */
const remakingMs = 2_000;

/** They are empty, and what comes after them has their names. */
async function removeMistaken(
  pass: Observed,
  claims: readonly Stored<PersistentVolumeClaim>[],
): Promise<StepResult<never>> {
  for (const claim of claims) {
    if (!(await removeAsSeen(pass.kube, claim))) continue;
    pass.expectations.deleted(pass.key, persistentVolumeClaims, keyOf(claim), claim.metadata.uid);
    pass.logger.info('unbound_claim_removed', { tenant: tenantIdOf(pass.key), claim: claim.metadata.name });
  }
  return wait('VolumesRemade', remakingMs);
}

/** Volumes that were asked for by mistake, and never came to be, are asked for anew: with them the set, whose template is fixed. */
export async function remakeUnbound(pass: HandingOver): Promise<StepResult> {
  const { world, key, object, logger } = pass;
  const { statefulSet } = world;
  const { removable, isWaiting } = findLeftUnbound(world);
  if (removable.length > 0) return await removeMistaken(pass, removable);
  if (isWaiting) return wait('NodesStopping', stoppingMsMax);
  const isOurs = statefulSet?.metadata.ownerReferences?.some(({ uid }) => uid === object.metadata.uid) ?? false;
  if (statefulSet === undefined || !isOurs || !mustRemakeSet(pass, world)) return proceed();
  await childrenOf(pass).remove(statefulSets, statefulSet);
  logger.info('unbound_set_removed', { tenant: tenantIdOf(key) });
  return wait('VolumesRemade', remakingMs);
}

/** One claim that is refused stands for all: they are of one class. */
export async function growLogVolumes(pass: Applied): Promise<StepResult<Pick<Applied, 'storageProblem'>>> {
  const { kube, world, spec, storageProblem } = pass;
  const storage = String(spec.storage.log.size);
  for (const claim of findToGrow(spec, world, pass.handOver.decision.size)) {
    try {
      const patch = { spec: { resources: { requests: { storage } } } };
      const written = await kube.mergePatch(persistentVolumeClaims, keyOf(claim), patch);
      pass.expectations.wrote(pass.key, persistentVolumeClaims, written);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return proceed({ storageProblem: storageProblem ?? describeRefusedGrowth(claim, storage, error.message) });
    }
  }
  return proceed({ storageProblem });
}

/** Before the nodes, which derive their key from it. */
export async function ensureSecret({ secrets, keys, key, object }: Loaded): Promise<StepResult> {
  await secrets.ensure(key, keys.tenantSecret({ ...key, uid: object.metadata.uid }));
  return proceed();
}

/**
 * The claim of a node that has handed over says so before the set shrinks, and no more before its node comes back:
 * a tenant that is made anew starts a node for every claim that does not say it.
 */
export async function noteDrained(pass: HandingOver): Promise<StepResult> {
  const { kube, clock, world } = pass;
  const { size } = pass.handOver.decision;
  const before = world.statefulSet?.spec?.replicas ?? 0;
  // What one that was given up holds may be nowhere else.
  const kept = givenUpOrdinals(pass);
  for (const [ordinal, claim] of world.logClaims) {
    const isNoted = claim.metadata.annotations?.[drainedAnnotation] !== undefined;
    // Of one that was never bound there is nothing to be said: it may be bound in the very next moment.
    const leavesNow = ordinal >= size && ordinal < before && !isNeverBound(claim) && !kept.includes(ordinal);
    if (isNoted === leavesNow || (ordinal >= size && !leavesNow)) continue;
    const value = leavesNow ? formatTime(clock.now()) : null;
    const patch = { metadata: { annotations: { [drainedAnnotation]: value } } };
    const written = await kube.mergePatch(persistentVolumeClaims, keyOf(claim), patch);
    pass.expectations.wrote(pass.key, persistentVolumeClaims, written);
  }
  return proceed();
}

export async function applyChildren(pass: Turned): Promise<StepResult<Pick<Applied, 'desiredChildren'>>> {
  const { keys, setOptions: options } = pass;
  const { uid } = pass.object.metadata;
  const { size } = pass.handOver.decision;
  const desiredChildren = pass.desired.build(pass, { uid, size, keys, options });
  await childrenOf(pass).applyAll(desiredChildren);
  return proceed({ desiredChildren });
}

export async function pruneChildren(pass: Loaded & Pick<Applied, 'desiredChildren'>): Promise<StepResult> {
  const { namespace, name } = pass.key;
  await childrenOf(pass).prune(prunedKinds, { namespace, ofParent: name }, pass.desiredChildren);
  return proceed();
}

/** Volumes without a row, of nodes that are no more. */
export async function removeEmptyClaims(pass: Applied): Promise<StepResult> {
  const { kube, key, object, logger } = pass;
  for (const removal of await findEmptyClaims(pass)) {
    if (!(await removeAsSeen(kube, removal.claim))) continue;
    const { name: claim, uid } = removal.claim.metadata;
    pass.expectations.deleted(key, persistentVolumeClaims, keyOf(removal.claim), uid);
    const note = `claim ${claim} is deleted: ${removal.why}`;
    await recordEvent(pass, tenants, object, { type: 'Normal', reason: 'LogVolumeRemoved', action: 'Deleted', note });
    logger.info('log_volume_removed', { tenant: tenantIdOf(key), claim, why: removal.why });
  }
  return proceed();
}

async function findEmptyClaims(pass: Applied): Promise<readonly ClaimRemoval[]> {
  const { clock, nodes, world, spec, wanted, key, logger } = pass;
  const { size } = pass.handOver.decision;
  const removals = decideClaimRemovals({ key, world, spec, size, wanted, nowMs: clock.now() });
  const serving = world.nodes.find((node) => node.isReady && node.ordinal < size)?.pod;
  try {
    return await confirmDrained(nodes, key, serving, removals);
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    logger.debug('node_not_asked', { tenant: tenantIdOf(key), pod: serving, error });
    return [];
  }
}

/** Nodes that serve may have something to say; those that do not answer say nothing. */
export async function askNodes(pass: Applied): Promise<StepResult<Pick<Asked, 'problems'>>> {
  const { nodes, key, world, logger } = pass;
  const asked = world.nodes
    .filter((node) => node.isReady)
    .map(async ({ pod }): Promise<readonly FoundProblem[]> => {
      try {
        return (await nodes.problems(key, pod)).map((problem) => ({ ...problem, pod }));
      } catch (error) {
        logger.debug('node_not_asked', { tenant: tenantIdOf(key), pod, error });
        return [];
      }
    });
  return proceed({ problems: (await Promise.all(asked)).flat() });
}

/** What keeps nodes from serving; asked of the API server only while some do not. */
export async function findWhatFails(pass: Asked): Promise<StepResult<Pick<Examined, 'failures'>>> {
  const { key, world, kube, clock, spec, tenant, logger } = pass;
  const dataClaimName = spec.storage.data.sharedVolume.existingClaim ?? tenant.names.dataClaim;
  const { size } = pass.handOver.decision;
  const eventsOf = async (resource: Resource, object: Stored<KubeObject>) => {
    try {
      return await readEvents(kube, resource, object);
    } catch (error) {
      if (!isHybridStoreError(error)) throw error;
      // The status must not wait for what would only explain it.
      logger.warn('events_not_read', { tenant: tenantIdOf(key), object: object.metadata.name, error });
      return [];
    }
  };
  return proceed({ failures: await findFailures({ key, world, size, dataClaimName, eventsOf, nowMs: clock.now() }) });
}

/** A corrected template reaches a node that could not start from the one before. */
export async function replaceStuckNode(pass: Examined): Promise<StepResult> {
  const { world, failures, kube, clock, key, object } = pass;
  const stuck = decideReplacement({ world, failures, nowMs: clock.now() });
  if (stuck === undefined) return proceed();
  if (!(await deleteAsSeen(kube, stuck.node.object))) return proceed();
  pass.expectations.deleted(key, pods, keyOf(stuck.node.object), stuck.node.object.metadata.uid);
  const note = `${formatFailure(stuck.failure)}; it is deleted, so that it is made anew from the current template`;
  await recordEvent(pass, tenants, object, { type: 'Warning', reason: 'NodeReplaced', action: 'Deleted', note });
  pass.logger.info('node_replaced', { tenant: tenantIdOf(key), pod: stuck.node.pod, reason: stuck.failure.reason });
  return proceed();
}

/** After the report: a slow catalog must not hold up the status. */
export async function register(pass: Loaded): Promise<StepResult<Pick<Registered, 'isRegistered'>>> {
  return proceed({ isRegistered: await pass.registrations.ensure(pass.key, pass.object.metadata.uid) });
}

/** A tenant that nothing happens to is reconciled this often. */
const resyncMs = 60_000;
/** While a node hands over. */
const handOverPollMs = 1_000;
/** While a node is not ready: Events that tell why are not watched. */
export const notReadyPollMs = 15_000;

/** As soon as anything that goes on needs it. */
export function comeBack({ spec, wanted, world, handOver: step, isRegistered }: Registered): StepResult {
  const isHandingOver = step.decision.size > wanted || step.leaving.length > 0;
  const isReady = world.nodes.filter((node) => node.isReady).length >= step.decision.size;
  const isScaled = spec.autoscaling.mode !== 'Off' && !spec.hibernated;
  const delays = [
    resyncMs,
    ...(isHandingOver ? [handOverPollMs] : []),
    ...(isReady ? [] : [notReadyPollMs]),
    ...(isScaled ? [spec.autoscaling.behavior.metricsIntervalSeconds * 1_000] : []),
    ...(isRegistered ? [] : [catalogRetryMs]),
  ];
  return requeueAfter(Math.min(...delays));
}
