import type { CompactionPolicyState, CompactionPolicyStatus } from '@hybridstore/contracts';
import { type Judgement, toConditions } from '@hybridstore/controller-runtime';

export type PolicyVerdict =
  | { readonly kind: 'active'; readonly state: CompactionPolicyState; readonly sources: number }
  | { readonly kind: 'disabled' | 'uncovered'; readonly state: CompactionPolicyState }
  | { readonly kind: 'waiting' | 'refused'; readonly reason: string; readonly message: string };

export function judgePolicy(verdict: PolicyVerdict): readonly Judgement[] {
  const ready = (reason: string, message: string): readonly Judgement[] => [
    { type: 'Ready', status: 'True', reason, message },
    { type: 'Degraded', status: 'False', reason: 'AsExpected', message: 'nothing is wrong' },
  ];
  switch (verdict.kind) {
    case 'active':
      return ready('Active', 'the catalog runs the policy');
    case 'disabled':
      return ready('Disabled', 'the policy is switched off, as asked');
    case 'uncovered':
      return ready('NoMatchingSources', 'the selector covers no source; nothing is compacted');
    default:
      return [
        { type: 'Ready', status: 'False', reason: verdict.reason, message: verdict.message },
        {
          type: 'Degraded',
          status: verdict.kind === 'refused' ? 'True' : 'False',
          reason: verdict.reason,
          message: verdict.message,
        },
      ];
  }
}

export function buildPolicyStatus(
  previous: CompactionPolicyStatus | undefined,
  verdict: PolicyVerdict,
  context: { readonly generation: number; readonly nowMs: number },
): Readonly<Record<string, unknown>> {
  const { conditions: before, observedGeneration: _seen, ...figures } = previous ?? {};
  return {
    ...figures,
    ...('state' in verdict ? describeState(verdict.state) : {}),
    ...(verdict.kind === 'active' ? { sources: verdict.sources } : {}),
    ...(verdict.kind === 'uncovered' ? { sources: 0 } : {}),
    observedGeneration: context.generation,
    conditions: toConditions(judgePolicy(verdict), before ?? [], context),
  };
}

function describeState(state: CompactionPolicyState): Readonly<Record<string, unknown>> {
  const results = state.last_results;
  const sum = (field: 'files_before' | 'files_after' | 'bytes_before' | 'bytes_after') =>
    results.reduce((total, result) => total + result[field], 0);
  return {
    active: state.active,
    ...(state.last_run_at === null ? {} : { lastRunTime: state.last_run_at }),
    ...(state.next_run_at === null ? {} : { nextRunTime: state.next_run_at }),
    ...(results.length === 0
      ? {}
      : {
          lastResult: {
            filesBefore: sum('files_before'),
            filesAfter: sum('files_after'),
            bytesBefore: sum('bytes_before'),
            bytesAfter: sum('bytes_after'),
            failed: results.filter((result) => result.state === 'failed').length,
          },
        }),
  };
}
