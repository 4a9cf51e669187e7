import type {
  GivingUp,
  LeavingNode,
  ScalingDecision,
  TenantConditionType,
  TenantSpec,
  TenantStatus,
} from '@hybridstore/contracts';
import type { Judgement } from '@hybridstore/controller-runtime';
import { toConditions } from '@hybridstore/controller-runtime';
import { formatSelector, tenantNodeSelector } from '../resources/labels.ts';
import { nodesDomain, ordinalOf, type TenantKey, tenantNames, tenantUrl } from '../resources/names.ts';
import { isNeverBound } from '../resources/persistent-volume-claim.ts';
import type { Measured, SizeDecision } from '../scaling/decide-size.ts';
import { formatFailure, formatFailures } from './format-failure.ts';
import { describeVolumes, findBadClaim, findFixedClass, findGrowing, type StorageProblem } from './volumes.ts';
import type { FoundProblem, NodeFailure, TenantWorld } from './world.ts';

/** What a pass has found out and done, from which the status follows. */
export type TenantOutcome = {
  readonly key: TenantKey;
  readonly generation: number;
  readonly spec: TenantSpec;
  readonly previous: TenantStatus | undefined;
  readonly world: TenantWorld;
  readonly wanted: number;
  /** Size that the StatefulSet was given. */
  readonly size: number;
  readonly leaving: readonly LeavingNode[];
  readonly stalled: readonly LeavingNode[];
  readonly scaling: SizeDecision | undefined;
  readonly lastScaling: ScalingDecision | undefined;
  readonly storageProblem: StorageProblem | undefined;
  readonly problems: readonly FoundProblem[];
  /** Why nodes cannot serve, the most telling first. */
  readonly failures: readonly NodeFailure[];
  readonly givingUp: GivingUp | undefined;
  /** Tenants that follow a change of the platform, while this one waits for its turn. */
  readonly waitsFor: readonly string[];
  readonly isDeletionHeld: boolean;
};

type TenantJudgement = Judgement<TenantConditionType>;

export function judgeTenant(outcome: TenantOutcome): readonly TenantJudgement[] {
  return [
    judgeReady(outcome),
    judgeProgressing(outcome),
    judgeDegraded(outcome),
    judgeScaling(outcome),
    judgeDataSafe(outcome),
    judgeStorage(outcome),
    notPaused,
  ];
}

/** A paused Tenant is not judged: see buildPausedStatus. */
const notPaused = no('Paused', 'NotPaused', 'the operator acts on the tenant');

/** Nodes that should serve and do not. A leaving node serves no more, and need not. */
function findMissing({ key, size, leaving, world }: TenantOutcome): readonly number[] {
  const gone = new Set(leaving.map((node) => ordinalOf(key.name, node.pod)));
  const ready = new Set(world.nodes.filter((node) => node.isReady).map((node) => node.ordinal));
  return Array.from({ length: size }, (_, ordinal) => ordinal).filter(
    (ordinal) => !gone.has(ordinal) && !ready.has(ordinal),
  );
}

/** Of the nodes that the set has, leaving ones among them. */
function countReady({ size, world }: TenantOutcome): number {
  return world.nodes.filter((node) => node.ordinal < size && node.isReady).length;
}

function judgeReady(outcome: TenantOutcome): TenantJudgement {
  const { size, spec, failures } = outcome;
  if (spec.hibernated && size === 0) return yes('Ready', 'Hibernated', 'all nodes are stopped, as asked');
  const missing = findMissing(outcome);
  const ready = countReady(outcome);
  const count = `${ready} of ${size} nodes are ready`;
  const [failure] = failures;
  // A leaving node that fails, too: it holds rows.
  if (failure !== undefined) return no('Ready', failure.reason, `${count}; ${formatFailures(failures)}`);
  if (size === 0 || missing.length > 0) return no('Ready', 'NodesNotReady', count);
  return yes('Ready', 'AllNodesReady', ready === size ? count : `${count}; the others are leaving`);
}

/** Why a Tenant says that it waits: see decide-rollout.ts. */
export const queuedReason = 'RolloutQueued';

/** What the Tenant asks for goes before what the platform asks of it, which changes nothing yet. */
function judgeProgressing(outcome: TenantOutcome): TenantJudgement {
  const judgement = judgeOwnProgress(outcome);
  if (outcome.waitsFor.length === 0) return judgement;
  const message = `${judgement.message}; ${describeQueue(outcome.waitsFor)}`;
  return { ...judgement, message, reason: judgement.reason === 'Settled' ? queuedReason : judgement.reason };
}

const holdersNamedMax = 3;

function describeQueue(holders: readonly string[]): string {
  const named = holders.slice(0, holdersNamedMax).join(', ');
  const others = holders.length - holdersNamedMax;
  const more = others > 0 ? ` and ${others} more` : '';
  return `a change of the platform waits until ${named}${more} ${holders.length === 1 ? 'has' : 'have'} followed it`;
}

function judgeOwnProgress(outcome: TenantOutcome): TenantJudgement {
  const { size, wanted, world, leaving } = outcome;
  if (size > wanted) {
    const pods = leaving.map((node) => node.pod).join(', ');
    return yes(
      'Progressing',
      'HandingOver',
      `from ${size} to ${wanted} nodes; leaving: ${pods === '' ? 'next' : pods}`,
    );
  }
  const { statefulSet } = world;
  const missing = findMissing(outcome).length;
  const [failure] = outcome.failures;
  if (isRollingOut(statefulSet)) {
    const { updatedReplicas = 0 } = statefulSet?.status ?? {};
    const message = `${updatedReplicas} of ${size} nodes are of the newer revision`;
    // A set goes on to the next node when this one is ready, and not before.
    if (failure !== undefined) return no('Progressing', 'RolloutStopped', `${message}; ${formatFailure(failure)}`);
    return yes('Progressing', 'RollingOut', `${message}; ${missing} are not ready`);
  }
  if (missing > 0 && failure !== undefined) return no('Progressing', failure.reason, formatFailure(failure));
  if (missing > 0) return yes('Progressing', 'NodesStarting', `waiting for ${size} nodes`);
  if (statefulSet === undefined) return yes('Progressing', 'Creating', 'the nodes were just declared');
  return no('Progressing', 'Settled', `${size} nodes, as wanted`);
}

/** From the moment that the set has seen another template until the last node is made from it. */
function isRollingOut(statefulSet: TenantWorld['statefulSet']): boolean {
  const { currentRevision, updateRevision } = statefulSet?.status ?? {};
  return updateRevision !== undefined && currentRevision !== updateRevision;
}

function judgeDegraded(outcome: TenantOutcome): TenantJudgement {
  const { stalled, failures, problems, isDeletionHeld } = outcome;
  if (isDeletionHeld)
    return yes('Degraded', 'DeletionPrevented', 'the Tenant is deleted, and stays while spec.preventDeletion is true');
  const [first] = stalled;
  if (first !== undefined) return yes('Degraded', 'DrainStalled', describeStall(first, failures));
  const [failure] = failures;
  if (failure !== undefined) return yes('Degraded', failure.reason, formatFailures(failures));
  const [problem, ...others] = problems;
  if (problem !== undefined) {
    const more = others.length === 0 ? '' : `; and ${others.length} more`;
    return yes('Degraded', problem.kind, `${problem.pod}: ${problem.message}${more}`);
  }
  return no('Degraded', 'AsExpected', 'nothing is wrong');
}

function describeStall({ pod, message }: LeavingNode, failures: readonly NodeFailure[]): string {
  const failure = failures.find((one) => one.pod === pod);
  const why = failure === undefined ? '' : `; ${failure.reason}: ${formatFailures([failure])}`;
  return `${pod} does not end its hand-over: ${message ?? 'it is still committing rows'}${why}`;
}

function judgeScaling({ spec, scaling }: TenantOutcome): TenantJudgement {
  if (spec.hibernated) return no('ScalingActive', 'Hibernated', 'a hibernated tenant is not scaled');
  if (spec.autoscaling.mode === 'Off') return no('ScalingActive', 'Off', 'the size follows spec.replicas');
  if (scaling === undefined)
    return { type: 'ScalingActive', status: 'Unknown', reason: 'NotMeasured', message: 'not measured yet' };
  if (!scaling.isActive) return no('ScalingActive', scaling.reason, scaling.message);
  return yes('ScalingActive', 'Measured', `metrics are read; mode ${spec.autoscaling.mode}`);
}

/** Acknowledged rows are safe while every node that may hold some is there, or has proved that it holds none. */
function judgeDataSafe(outcome: TenantOutcome): TenantJudgement {
  const { key, stalled, size, spec, world } = outcome;
  const kept = stalled.filter(({ pod }) => mayHoldRows(world, ordinalOf(key.name, pod)));
  if (kept.length > 0) return no('DataSafe', 'DrainStalled', 'a leaving node may still hold rows; it is kept');
  if (spec.hibernated && size === 0) return yes('DataSafe', 'HandedOver', 'all nodes have committed what they held');
  const missing = findMissing(outcome);
  if (missing.length === 0 && size > 0)
    return yes('DataSafe', 'AllNodesReady', 'every node that may hold rows is ready');
  const holding = missing.filter((ordinal) => mayHoldRows(world, ordinal));
  if (size > 0 && holding.length === 0)
    return yes('DataSafe', 'NothingStored', 'the nodes that are missing never had a volume');
  const message = `rows of ${holding.length} nodes may wait in their log volumes until these are back`;
  return { type: 'DataSafe', status: 'Unknown', reason: 'NodesNotReady', message };
}

/** Whose log volume was once bound: a node without one acknowledges nothing. */
function mayHoldRows({ logClaims }: TenantWorld, ordinal: number | undefined): boolean {
  const claim = ordinal === undefined ? undefined : logClaims.get(ordinal);
  return claim !== undefined && !isNeverBound(claim);
}

function judgeStorage({ key, spec, world, size, storageProblem, problems }: TenantOutcome): TenantJudgement {
  const refused = storageProblem ?? findFixedClass(spec, world);
  if (refused !== undefined) return no('StorageReady', refused.reason, refused.message);
  if (world.dataClaim === undefined)
    return no('StorageReady', 'ClaimMissing', 'the claim of the shared volume does not exist yet');
  const full = problems.find(({ reason }) => reason === 'storage_full');
  if (full !== undefined) return no('StorageReady', 'DataVolumeFull', `${full.pod}: ${full.message}`);
  const missing = Array.from({ length: size }, (_, ordinal) => ordinal).find(
    (ordinal) => !world.logClaims.has(ordinal),
  );
  if (missing !== undefined) {
    const name = tenantNames(key.name).logClaim(missing);
    return no('StorageReady', 'ClaimMissing', `claim ${name} does not exist yet`);
  }
  const bad = findBadClaim(world, size);
  const phase = bad?.status?.phase ?? 'Pending';
  if (bad !== undefined)
    return no('StorageReady', phase === 'Lost' ? 'Lost' : 'Pending', `claim ${bad.metadata.name} is ${phase}`);
  const growing = findGrowing(spec, world, size);
  if (growing !== undefined) return no('StorageReady', 'Growing', growing);
  return yes('StorageReady', 'Bound', 'every volume is bound');
}

function yes(type: TenantConditionType, reason: string, message: string): TenantJudgement {
  return { type, status: 'True', reason, message };
}

function no(type: TenantConditionType, reason: string, message: string): TenantJudgement {
  return { type, status: 'False', reason, message };
}

export function buildTenantStatus(
  outcome: TenantOutcome,
  judgements: readonly Judgement[],
  nowMs: number,
): Readonly<Record<string, unknown>> {
  const { key, generation, previous, world, wanted, leaving, scaling, lastScaling } = outcome;
  const metrics = steadyMetrics(previous?.metrics, scaling?.measured);
  return {
    observedGeneration: generation,
    conditions: toConditions(judgements, previous?.conditions ?? [], { generation, nowMs }),
    replicas: world.statefulSet?.status?.replicas ?? 0,
    readyReplicas: world.nodes.filter((node) => node.isReady).length,
    desiredReplicas: wanted,
    ...(scaling === undefined ? {} : { recommendedReplicas: scaling.target }),
    selector: formatSelector(tenantNodeSelector(key.name)),
    endpoints: { service: tenantUrl(key), nodes: nodesDomain(key, world.statefulSet?.spec?.serviceName) },
    ...(metrics === undefined ? {} : { metrics }),
    ...(lastScaling === undefined ? {} : { lastScaling }),
    storage: describeVolumes(world),
    ...(leaving.length === 0 ? {} : { leaving }),
    ...(outcome.givingUp === undefined ? {} : { givingUp: outcome.givingUp }),
  };
}

/** Percent points, or tenths of a wait, by which a measurement must move to be written anew. */
const noticeable = 5;

/** Shown measurements stay as they are while nothing much changes: a status that moves all the time is read by nobody. */
function steadyMetrics(shown: Measured | undefined, measured: Measured | undefined): Measured | undefined {
  if (measured === undefined || Object.keys(measured).length === 0) return measured === undefined ? shown : undefined;
  const steady = (before: number | undefined, now: number | undefined, step: number) =>
    before !== undefined && now !== undefined && Math.abs(before - now) < step ? before : now;
  const entries = Object.entries({
    cpuPercent: steady(shown?.cpuPercent, measured.cpuPercent, noticeable),
    memoryPercent: steady(shown?.memoryPercent, measured.memoryPercent, noticeable),
    queueWaitMs: steady(shown?.queueWaitMs, measured.queueWaitMs, Math.max(noticeable, (shown?.queueWaitMs ?? 0) / 10)),
  }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}

/** Of a paused Tenant: everything as it was last seen, since nobody looks. */
export function buildPausedStatus(
  previous: TenantStatus | undefined,
  message: string,
  context: { readonly generation: number; readonly nowMs: number },
): Readonly<Record<string, unknown>> {
  const { conditions = [], ...rest } = previous ?? {};
  return {
    ...rest,
    observedGeneration: context.generation,
    conditions: [
      ...conditions.filter(({ type }) => type !== 'Paused'),
      ...toConditions([yes('Paused', 'Paused', message)], conditions, context),
    ],
  };
}

/** For an object that nothing may be made from. */
export function buildRefusedStatus(
  previous: TenantStatus | undefined,
  refusal: { readonly reason: string; readonly message: string },
  context: { readonly generation: number; readonly nowMs: number },
): Readonly<Record<string, unknown>> {
  const judgements: readonly TenantJudgement[] = [
    no('Ready', refusal.reason, refusal.message),
    no('Progressing', refusal.reason, refusal.message),
    yes('Degraded', refusal.reason, refusal.message),
    notPaused,
  ];
  const kept = (previous?.conditions ?? []).filter(
    (old) => !judgements.some((judgement) => judgement.type === old.type),
  );
  const { conditions: _conditions, observedGeneration: _generation, ...rest } = previous ?? {};
  return {
    ...rest,
    observedGeneration: context.generation,
    conditions: [...toConditions(judgements, previous?.conditions ?? [], context), ...kept],
  };
}
