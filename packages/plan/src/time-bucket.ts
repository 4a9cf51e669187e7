import type { PlanExpression } from '@hybridstore/contracts';
import { arithmetic, call, text } from './nodes.ts';
import { readTimeZone } from './time-zone.ts';

/** What clocks of a zone show at a moment, which is given and kept in UTC. */
export function localTime(zone: string, moment: PlanExpression): PlanExpression {
  return isUtc(zone) ? moment : call('local_time', text(zone), moment);
}

/** The moment at which clocks of a zone show a time; `way` decides where they show it twice or never. */
export function utcTime(
  zone: string,
  local: PlanExpression,
  way: 'utc_time' | 'earliest_utc_time' = 'utc_time',
): PlanExpression {
  return isUtc(zone) ? local : call(way, text(zone), local);
}

function isUtc(text: string): boolean {
  const zone = readTimeZone(text);
  return zone.kind === 'offset' && zone.minutes === 0;
}

const withinDay: ReadonlySet<string> = new Set(['microsecond', 'millisecond', 'second', 'minute', 'hour']);

/**
 * The moment at which a day, a month, an hour began by the clocks of a zone. An hour is cut off the moment itself: where
 * clocks are put back it comes twice, and the two are not one.
 */
export function truncateInZone(
  unit: string,
  moment: PlanExpression,
  zone: string,
  truncate = (local: PlanExpression): PlanExpression => call('date_trunc', text(unit), local),
): PlanExpression {
  const local = localTime(zone, moment);
  if (withinDay.has(unit)) return arithmetic('subtract', moment, arithmetic('subtract', local, truncate(local)));
  return utcTime(zone, truncate(local));
}
