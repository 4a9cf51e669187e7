import { findTransitions, type Judgement, type Notice } from '@hybridstore/controller-runtime';

/** An object of ours as far as its readiness goes. */
type WithReady = {
  readonly metadata: { readonly generation?: number };
  readonly status?: {
    readonly observedGeneration?: number | undefined;
    readonly conditions?: Parameters<typeof findTransitions>[1] | undefined;
  };
};

/** Its status says Ready, and says it of the spec as it is now. */
export function isKnownReady(object: WithReady | undefined): boolean {
  const { observedGeneration, conditions = [] } = object?.status ?? {};
  if (observedGeneration !== object?.metadata.generation) return false;
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

/** The Event of an object that becomes ready, or ceases to be: a warning where something is wrong with it. */
export function noticeReady(
  judgements: readonly Judgement[],
  { status }: WithReady,
  action: string,
): readonly Notice[] {
  const isDegraded = judgements.some((judgement) => judgement.type === 'Degraded' && judgement.status === 'True');
  return findTransitions(judgements, status?.conditions ?? [])
    .filter((judgement) => judgement.type === 'Ready')
    .map(({ reason, message }) => ({ type: isDegraded ? 'Warning' : 'Normal', reason, action, note: message }));
}
