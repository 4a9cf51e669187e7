import type { PlanExpression } from '@hybridstore/contracts';
import { cast, literal, localTime, truncateInZone, utcTime } from '@hybridstore/plan';
import { moment } from '../bind/moment-text.ts';
import { atTimeZone, type ClockRule, readClockRule } from '../bind/time-zones.ts';
import { type Typed, typed } from '../bind/types.ts';
import type { CallSite, Translators } from './call-site.ts';

/** Functions that take a time zone, which is a constant of the statement; AT TIME ZONE is no function and bound elsewhere. */
export const zoneTranslators: Translators = {
  mysql: { convert_tz: convertZone },
  postgresql: { timezone: atZone },
  duckdb: { timezone: atZone },
};

function atZone(at: CallSite): Typed {
  const zone = at.node(0);
  if (!zone) throw at.refuse('timezone takes a zone and a time');
  return atTimeZone(at.argument(1), zone, at.site, at.refuse);
}

/**
 * CONVERT_TZ(time, from, to). A time that clocks show twice is the first, one that they pass over the moment at which they
 * do. MySQL leaves times alone that are not of the years 1970 to 2038 (or 3000); here they are converted as well.
 */
function convertZone(at: CallSite): Typed {
  const time = cast(moment(at.argument(0)).node, 'timestamp');
  const [from, to] = [zoneArgument(at, 1), zoneArgument(at, 2)];
  if (from === undefined || to === undefined) return typed(literal('timestamp', null), 'timestamp');
  return typed(localTime(to, utcTime(from, time, 'earliest_utc_time')), 'timestamp');
}

/** date_trunc(unit, moment, zone): when the unit began by the clocks of the zone. */
export function truncateWithZone(
  at: CallSite,
  unit: string,
  truncate: (local: PlanExpression) => PlanExpression,
): Typed {
  const type = at.site.context.dialect === 'mysql' ? 'timestamp' : 'timestamptz';
  const time = cast(moment(at.argument(1)).node, 'timestamp');
  const zone = zoneArgument(at, 2);
  return typed(zone === undefined ? literal('timestamp', null) : truncateInZone(unit, time, zone, truncate), type);
}

/** Undefined for NULL. */
function zoneArgument(at: CallSite, index: number): string | undefined {
  const node = at.node(index);
  const rule: ClockRule | undefined = node && readClockRule(node, at.site, at.refuse);
  if (rule?.kind === 'interval') throw at.refuse(`${at.call.name} takes a zone by its name`, { expected: 'a text' });
  return rule?.kind === 'zone' ? rule.zone : undefined;
}
