import { Cron } from 'croner';

/** Minutes in which runs may start, from a cron expression of five fields, in UTC. */
export interface CompactionWindow {
  contains(atMs: number): boolean;
  /** Start of the first minute after `afterMs` in the window; undefined when there is none (30 February). */
  next(afterMs: number): number | undefined;
}

const expressionCharactersMax = 256;
const minuteMs = 60_000;

/** Undefined when the expression is not one of five fields. */
export function parseWindow(expression: string): CompactionWindow | undefined {
  // croner also reads nicknames (@daily) and single dates, which are no windows.
  if (expression.length > expressionCharactersMax || expression.trim().split(/\s+/).length !== 5) return undefined;
  try {
    const cron = new Cron(expression, { paused: true, timezone: 'UTC', mode: '5-part' });
    return {
      contains: (atMs) => cron.match(new Date(startOfMinute(atMs))),
      next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime(),
    };
  } catch {
    // croner throws for every wrong expression; the caller names the field.
    return undefined;
  }
}

function startOfMinute(atMs: number): number {
  return Math.floor(atMs / minuteMs) * minuteMs;
}
