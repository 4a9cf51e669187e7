import type { Condition } from '../kube/object.ts';
import { formatTime } from '../kube/time.ts';

/** What is judged now, without the times that only the history gives. */
export type Judgement<T extends string = string> = {
  readonly type: T;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
};

const messageCharactersMax = 2_048;

/** `lastTransitionTime` moves only when `status` changes: an unchanged judgement is an unchanged condition. */
export function toConditions(
  judgements: readonly Judgement[],
  previous: readonly Condition[],
  context: { readonly generation: number; readonly nowMs: number },
): readonly Condition[] {
  return judgements.map(({ type, status, reason, message }) => {
    const before = previous.find((condition) => condition.type === type);
    const since = before?.status === status ? before.lastTransitionTime : formatTime(context.nowMs);
    return {
      type,
      status,
      reason,
      message: message.slice(0, messageCharactersMax),
      lastTransitionTime: since,
      observedGeneration: context.generation,
    };
  });
}

/** The judgements whose status or reason is new: what an Event should report. */
export function findTransitions(
  judgements: readonly Judgement[],
  previous: readonly Condition[],
): readonly Judgement[] {
  return judgements.filter((judgement) => {
    const before = previous.find((condition) => condition.type === judgement.type);
    return before?.status !== judgement.status || before.reason !== judgement.reason;
  });
}
