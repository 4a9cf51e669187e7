import { TenantStatus } from '@hybridstore/contracts';
import {
  buildControllerReference,
  createStatusReader,
  done,
  formatTime,
  hasFinalizer,
  type KubeObject,
  keyOf,
  persistentVolumeClaims,
  pods,
  proceed,
  type Resource,
  recordEvent,
  removeFinalizer,
  requeueAfter,
  type StepResult,
  type Stored,
  wait,
} from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import { isHybridStoreError } from '@hybridstore/runtime';
import { type Tenant, tenants } from '../resources/custom-resources.ts';
import { finalizer } from '../resources/finalizer.ts';
import { type TenantKey, tenantIdOf } from '../resources/names.ts';
import { buildDataClaim } from '../resources/persistent-volume-claim.ts';
import { buildTenantMetadata, type TenantMetadata } from '../resources/tenant-metadata.ts';
import { currentSize, isLeaving, neverStored, startingSize, wantedSize } from './decide.ts';
import { prunedKinds } from './desired-state.ts';
import { finalizeTenant } from './finalizer.ts';
import { findFailures } from './find-failures.ts';
import { formatFailure } from './format-failure.ts';
import { passHandOver } from './hand-over.ts';
import { readEvents } from './object-events.ts';
import { observeTenant } from './observe.ts';
import {
  type Applied,
  type Asked,
  childrenOf,
  type Examined,
  type HandingOver,
  type Loaded,
  type Observed,
  type Registered,
  type Sized,
  type TenantStart,
  type Valid,
} from './pass.ts';
import { catalogRetryMs } from './registrations.ts';
import { decideReplacement, deleteAsSeen } from './replace-stuck.ts';
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

/** Nodes leave one by one, and none while it holds rows that are not committed. */
export async function handOver(pass: Sized): Promise<StepResult<Pick<HandingOver, 'handOver'>>> {
  const { key, world, wanted, object } = pass;
  const request = {
    key,
    size: startingSize(world, wanted),
    wanted,
    marked: object.status?.leaving ?? [],
    neverStored: neverStored(world),
    present: new Set(world.nodes.map((node) => node.ordinal)),
  };
  return proceed({ handOver: await passHandOver(request, pass) });
}

/** A size that the storage class refuses must not keep the rest from converging. */
export async function applyDataClaim(pass: Valid): Promise<StepResult<Pick<Applied, 'storageProblem'>>> {
  const claim = buildDataClaim(pass);
  if (claim === undefined) return proceed({ storageProblem: undefined });
  try {
    await childrenOf(pass).apply(persistentVolumeClaims, claim);
    return proceed({ storageProblem: undefined });
  } catch (error) {
    if (!isHybridStoreError(error, 'invalid_request') && !isHybridStoreError(error, 'forbidden')) throw error;
    return proceed({ storageProblem: error.message });
  }
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
  for (const [ordinal, claim] of world.logClaims) {
    const isNoted = claim.metadata.annotations?.[drainedAnnotation] !== undefined;
    const leavesNow = ordinal >= size && ordinal < before;
    if (isNoted === leavesNow || (ordinal >= size && !leavesNow)) continue;
    const value = leavesNow ? formatTime(clock.now()) : null;
    const patch = { metadata: { annotations: { [drainedAnnotation]: value } } };
    const written = await kube.mergePatch(persistentVolumeClaims, keyOf(claim), patch);
    pass.expectations.wrote(pass.key, persistentVolumeClaims, written);
  }
  return proceed();
}

export async function applyChildren(pass: HandingOver): Promise<StepResult<Pick<Applied, 'desiredChildren'>>> {
  const { object, keys } = pass;
  const desiredChildren = pass.desired.build(pass, object.metadata.uid, keys, pass.handOver.decision.size);
  await childrenOf(pass).applyAll(desiredChildren);
  return proceed({ desiredChildren });
}

export async function pruneChildren(pass: Loaded & Pick<Applied, 'desiredChildren'>): Promise<StepResult> {
  const { namespace, name } = pass.key;
  await childrenOf(pass).prune(prunedKinds, { namespace, ofParent: name }, pass.desiredChildren);
  return proceed();
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
