import { forwardJumps, type TimeZone } from './time-zone.ts';

export type ZoneFunction = 'local_time' | 'utc_time' | 'earliest_utc_time';

export function isZoneFunction(name: string): name is ZoneFunction {
  return name === 'local_time' || name === 'utc_time' || name === 'earliest_utc_time';
}

/**
 * Times of UTC as the clocks of a zone show them, and the way back, which is not always one:
 *
 *     clocks put forward     02:30 is on no clock     utc_time          the time that it was by the clocks before
 *                                                     earliest_utc_time the second at which they were put forward
 *     clocks put back        02:30 comes twice        utc_time          the second
 *                                                     earliest_utc_time the first
 *
 * The rules of zones are the engine's own, which are part of it and not of the machine. `value` is printed once.
 */
export function printZoneFunction(name: ZoneFunction, zone: TimeZone, value: string): string {
  const time = `CAST(${value} AS TIMESTAMP)`;
  if (zone.kind === 'offset') return shifted(time, name === 'local_time' ? zone.minutes : -zone.minutes);
  switch (name) {
    case 'local_time':
      return localTime(zone.name, time);
    case 'utc_time':
      return `make_timestamp(epoch_us(timezone('${zone.name}', ${time})))`;
    case 'earliest_utc_time':
      return earliestUtcTime(zone.name, time);
  }
}

function shifted(time: string, minutes: number): string {
  return minutes === 0 ? time : `(${time} + to_minutes(${minutes}))`;
}

/** A cast to the other type would go through the rules of zones once more. */
function localTime(name: string, time: string): string {
  return `timezone('${name}', make_timestamptz(epoch_us(${time})))`;
}

const microsPerDay = 86_400_000_000;

/**
 * By the offset of the day before; where clocks then show another time, by that of the day after; else it is on no clock.
 * MySQL reckons in seconds and keeps what is below them.
 */
function earliestUtcTime(name: string, time: string): string {
  const byOffsetOf = (moment: string) => `(_j1 - (${localTime(name, moment)} - ${moment}))`;
  const before = byOffsetOf('(_j1 - to_days(1))');
  const after = byOffsetOf('(_j1 + to_days(1))');
  const isShown = (moment: string) => `${localTime(name, moment)} = _j1`;
  const micros = `epoch_us(${before})`;
  const isLately = `_j2 <= ${micros} AND _j2 > ${micros} - ${microsPerDay}`;
  const jump = `list_max(list_filter([${forwardJumps(name).join(', ')}]::BIGINT[], lambda _j2: ${isLately}))`;
  const branches = `WHEN ${isShown(before)} THEN ${before} WHEN ${isShown(after)} THEN ${after}`;
  const chosen = `CASE ${branches} ELSE make_timestamp(coalesce(${jump} + ${micros} % 1000000, ${micros})) END`;
  return `list_extract(list_transform([${time}], lambda _j1: ${chosen}), 1)`;
}
