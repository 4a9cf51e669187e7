import type { CompactionPolicyDefinition } from '@hybridstore/contracts';
import { parseWindow } from './compaction-window.ts';
import type { PolicyState } from './ports.ts';

export type Timing = Pick<CompactionPolicyDefinition, 'policy_id' | 'enabled' | 'interval_minutes' | 'window'>;

const minuteMs = 60_000;
const jitterShare = 0.1;
const jitterMsMax = 5 * minuteMs;

/**
 * When a policy runs next; null for never. A run is due one interval after the last one. One that was missed (the
 * process was down, the window was shut) and the first one of all come once, after the policy's own jitter, so that a
 * restart does not start them all in one moment. A window moves a due run to its next minute.
 */
export function decideNextRun(
  timing: Timing,
  times: { readonly nowMs: number; readonly lastRunAtMs: number | null },
): number | null {
  if (!timing.enabled) return null;
  const intervalMs = timing.interval_minutes * minuteMs;
  // Whole minutes, because a run starts some seconds into its minute and would drift out of a narrow window day by day.
  const dueMs =
    times.lastRunAtMs === null ? times.nowMs : Math.floor(times.lastRunAtMs / minuteMs) * minuteMs + intervalMs;
  const startMs = dueMs > times.nowMs ? dueMs : times.nowMs + jitterMs(timing);
  if (timing.window === undefined) return startMs;
  const window = parseWindow(timing.window);
  if (!window) return null;
  return window.contains(startMs) ? startMs : (window.next(startMs) ?? null);
}

export type Due = 'run' | 'wait' | 'decide';

/**
 * What to do with a policy at this moment. `decide`: the clock went back behind the decision, or the window closed
 * before the run could start, so the next run is decided anew.
 */
export function decideDue(timing: Timing, state: PolicyState, nowMs: number): Due {
  if (!timing.enabled) return 'wait';
  if (state.decidedAtMs > nowMs || (state.lastRunAtMs ?? 0) > nowMs) return 'decide';
  // Decided while the policy was switched off, or for a window without a minute.
  if (state.nextRunAtMs === null) return 'decide';
  if (state.nextRunAtMs > nowMs) return 'wait';
  if (timing.window !== undefined && parseWindow(timing.window)?.contains(nowMs) !== true) return 'decide';
  return 'run';
}

/** Up to a tenth of the interval, always the same for a policy (FNV-1a of its id), so that it needs no memory. */
function jitterMs(timing: Timing): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(timing.policy_id)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  const rangeMs = Math.min(jitterMsMax, timing.interval_minutes * minuteMs * jitterShare);
  return Math.floor((hash / 2 ** 32) * rangeMs);
}
