import { type QueryStats, type Warning, warningCharactersMax } from '@hybridstore/contracts';
import type { SilentMember } from './strict-view.ts';

/** How far an answer is behind at most, where members did not answer. */
export function staleMsOf(silent: readonly SilentMember[]): Pick<QueryStats, 'stale_ms'> {
  return silent.length === 0 ? {} : { stale_ms: Math.max(...silent.map(({ staleMs }) => staleMs)) };
}

/** One warning for each member, whatever the number of sources that it was asked for. */
export function describeSilence(silent: readonly SilentMember[]): readonly Warning[] {
  const byPod = [...Map.groupBy(silent, ({ pod }) => pod)];
  return byPod.map(([pod, ofPod]) => {
    const staleMs = Math.max(...ofPod.map((member) => member.staleMs));
    const missing = `rows that it acknowledged less than ${staleMs} ms before the query may be missing`;
    const reason = ofPod[0]?.reason ?? pod;
    return {
      code: 'answered_without_node',
      message: `${reason.slice(0, warningCharactersMax - missing.length - 2)}; ${missing}`,
    };
  });
}
