import type { ScalingDecision } from '@hybridstore/contracts';
import {
  type Ending,
  findTransitions,
  formatKey,
  formatTime,
  type Judgement,
  keyOf,
  type Notice,
  type Report,
  type Stored,
  writeReport,
} from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { type Tenant, tenants } from '../resources/custom-resources.ts';
import { tenantIdOf } from '../resources/names.ts';
import { isLeaving } from './decide.ts';
import type { Examined, TenantStart } from './pass.ts';
import { findPause } from './pause.ts';
import {
  buildPausedStatus,
  buildRefusedStatus,
  buildTenantStatus,
  judgeTenant,
  queuedReason,
  type TenantOutcome,
} from './status.ts';

/** The one place that writes the status of a Tenant, however its pass came out. */
export async function reportTenant(
  pass: TenantStart & { readonly object?: Stored<Tenant> },
  ending: Ending<Examined>,
): Promise<void> {
  const { object, clock, logger } = pass;
  const report = object === undefined ? undefined : describeEnding(object, ending, clock.now());
  if (object === undefined || report === undefined) return;
  try {
    const isNew = await writeReport(pass, tenants, object, report);
    if (isNew && ending.kind === 'complete') noteReported(ending.known);
  } catch (error) {
    if (ending.kind !== 'failed') throw error;
    // The pass fails with its own error, which the status could not show.
    logger.warn('failure_not_reported', { tenant: formatKey(keyOf(object)), error });
  }
}

/** Undefined where there is nothing to say: the Tenant is leaving, or what failed passes by itself. */
function describeEnding(object: Stored<Tenant>, ending: Ending<Examined>, nowMs: number): Report | undefined {
  switch (ending.kind) {
    case 'complete':
      return describeOutcome(ending.known, nowMs);
    case 'refused':
      return describeRefusal(object, ending, nowMs);
    case 'failed': {
      const problem = findLastingProblem(ending.error);
      return problem === undefined ? undefined : describeRefusal(object, problem, nowMs);
    }
    case 'done':
      return describePause(object, nowMs);
    default:
      return undefined;
  }
}

/** A pass over a Tenant that stays ends early only where it is paused. */
function describePause(object: Stored<Tenant>, nowMs: number): Report | undefined {
  const cause = findPause(object);
  if (cause === undefined || isLeaving(object)) return undefined;
  const message = `${cause}; the nodes run on as they are`;
  const wasPaused = object.status?.conditions?.some(({ type, status }) => type === 'Paused' && status === 'True');
  return {
    status: buildPausedStatus(object.status, message, { generation: object.metadata.generation ?? 0, nowMs }),
    isRefusal: false,
    events: () => (wasPaused === true ? [] : [{ type: 'Normal', reason: 'Paused', action: 'Judged', note: message }]),
  };
}

type Problem = { readonly reason: string; readonly message: string };

/** What a person has to mend; anything else is only tried again. */
function findLastingProblem(error: unknown): Problem | undefined {
  if (!isHybridStoreError(error)) return undefined;
  const { code, message } = error;
  if (code === 'conflict' && error.details['reason'] === 'NameTaken') return { reason: 'NameTaken', message };
  const isLasting = code === 'invalid_request' || code === 'forbidden';
  return isLasting ? { reason: 'ApplyRefused', message } : undefined;
}

function describeRefusal(object: Stored<Tenant>, { reason, message }: Problem, nowMs: number): Report {
  const context = { generation: object.metadata.generation ?? 0, nowMs };
  return {
    status: buildRefusedStatus(object.status, { reason, message }, context),
    isRefusal: true,
    events: () => [{ type: 'Warning', reason, action: 'Refused', note: message }],
  };
}

function describeOutcome(pass: Examined, nowMs: number): Report {
  const { key, spec, world, wanted, scaling, storageProblem, problems, failures, handOver, object } = pass;
  const outcome: TenantOutcome = {
    key,
    spec,
    world,
    wanted,
    scaling,
    storageProblem,
    problems,
    failures,
    generation: object.metadata.generation ?? 0,
    previous: object.status,
    size: handOver.decision.size,
    leaving: handOver.leaving,
    stalled: handOver.stalled,
    givingUp: pass.givingUp,
    waitsFor: pass.waitsFor,
    lastScaling: describeScaling(pass, nowMs),
    isDeletionHeld: object.metadata.deletionTimestamp !== undefined,
  };
  const judgements = judgeTenant(outcome);
  return {
    status: buildTenantStatus(outcome, judgements, nowMs),
    isRefusal: false,
    events: () => [
      ...noticeTransitions(judgements, outcome),
      ...noticeRecommendation(outcome),
      ...noticeScaling(outcome),
      ...noticeGivingUp(outcome),
    ],
  };
}

function describeScaling({ object, current, wanted, scaling }: Examined, nowMs: number): ScalingDecision | undefined {
  const { status } = object;
  if (scaling === undefined || current === wanted || status?.desiredReplicas === undefined) return status?.lastScaling;
  const { reason, message } = scaling;
  return { time: formatTime(nowMs), from: current, to: wanted, reason, message };
}

function noticeTransitions(judgements: readonly Judgement[], { previous }: TenantOutcome): readonly Notice[] {
  return findTransitions(judgements, previous?.conditions ?? [])
    .filter(isForPeople)
    .map(({ type, reason, message }) => ({
      type: type === 'Ready' || reason === queuedReason ? 'Normal' : 'Warning',
      reason,
      action: 'Judged',
      note: `${type}: ${message}`,
    }));
}

/** Leaving and arriving have their own Events; here what a person may want to act on. */
function isForPeople({ type, status, reason }: Judgement): boolean {
  return (
    (type === 'Ready' && status === 'True') ||
    reason === queuedReason ||
    (type === 'Degraded' && status === 'True') ||
    (type === 'DataSafe' && status === 'False') ||
    (type === 'StorageReady' && reason === 'DataVolumeFull')
  );
}

function noticeRecommendation({ spec, scaling, wanted, previous }: TenantOutcome): readonly Notice[] {
  if (spec.autoscaling.mode !== 'Recommend' || scaling === undefined || !scaling.isActive) return [];
  if (scaling.target === (previous?.recommendedReplicas ?? wanted)) return [];
  const note = `${scaling.target} nodes instead of ${wanted}: ${scaling.message}`;
  return [{ type: 'Normal', reason: 'Recommended', action: 'Measured', note }];
}

const givingUpReasons = { Asked: 'GiveUpAsked', GivenUp: 'NodeGivenUp', Refused: 'GiveUpRefused' } as const;

function noticeGivingUp({ givingUp, previous }: TenantOutcome): readonly Notice[] {
  const before = previous?.givingUp;
  const isSame = before !== undefined && before.state === givingUp?.state && before.message === givingUp.message;
  if (givingUp === undefined || isSame) return [];
  const reason = givingUpReasons[givingUp.state];
  return [{ type: 'Warning', reason, action: 'GivingUp', note: givingUp.message }];
}

function noticeScaling({ lastScaling, previous }: TenantOutcome): readonly Notice[] {
  if (lastScaling === undefined || lastScaling === previous?.lastScaling) return [];
  const { from, to, message } = lastScaling;
  const reason = to > from ? 'ScaledUp' : 'ScalingDown';
  return [{ type: 'Normal', reason, action: 'Scaled', note: `from ${from} to ${to} nodes: ${message}` }];
}

function noteReported({ key, wanted, scaling, handOver, onDecision, logger }: Examined): void {
  if (scaling !== undefined) onDecision?.(scaling);
  logger.info('tenant_reported', { tenant: tenantIdOf(key), size: handOver.decision.size, wanted });
}
