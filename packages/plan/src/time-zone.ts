import { HybridStoreError } from '@hybridstore/contracts';
import { nearestName } from './nearest-name.ts';
import { timeZoneNames } from './time-zone-names.ts';

/** A zone with the rules of a place, or one that is always as far from UTC. */
export type TimeZone =
  | { readonly kind: 'place'; readonly name: string }
  | { readonly kind: 'offset'; readonly minutes: number };

export const offsetMinutesMax = 14 * 60;
const expected = 'a name of the IANA database, or an offset from UTC as +02:00';
const shownCharactersMax = 50;

const byFoldedName: ReadonlyMap<string, string> = new Map(timeZoneNames.map((name) => [name.toLowerCase(), name]));

/** Clocks there have always shown UTC. */
const utcNames: ReadonlySet<string> = new Set(
  timeZoneNames.filter((name) => /^(Etc\/)?(GMT[+-]?0?|Greenwich|UCT|UTC|Universal|Zulu)$/.test(name)),
);

/** The zone that a text names, in any case; `invalid_request` with the nearest name where it names none. */
export function readTimeZone(text: string): TimeZone {
  const minutes = readOffsetMinutes(text);
  if (minutes !== undefined) return { kind: 'offset', minutes };
  const name = byFoldedName.get(text.toLowerCase());
  if (name === undefined) throw unknownZone(text);
  return utcNames.has(name) ? { kind: 'offset', minutes: 0 } : { kind: 'place', name };
}

/** `+02:00` as 120; undefined for a text that is no offset, or one that no clock has. */
function readOffsetMinutes(text: string): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d{1,2}):(\d\d)$/.exec(text) ?? [];
  if (sign === undefined || Number(minutes) > 59) return undefined;
  const distance = Number(hours) * 60 + Number(minutes);
  if (distance > offsetMinutesMax) return undefined;
  return sign === '-' && distance > 0 ? -distance : distance;
}

function unknownZone(text: string): HybridStoreError {
  const shown = text.slice(0, shownCharactersMax);
  const nearest = nearestName(shown, timeZoneNames);
  const hint = nearest === undefined ? '' : `, did you mean ${nearest}?`;
  return new HybridStoreError('invalid_request', `'${shown}' is not a time zone${hint}`, {
    expected,
    actual: shown,
    ...(nearest === undefined ? {} : { nearest }),
  });
}

/** The one spelling of a zone by which plans name it. */
export function timeZoneText(zone: TimeZone): string {
  if (zone.kind === 'place') return zone.name;
  const distance = Math.abs(zone.minutes);
  const [hours, minutes] = [Math.floor(distance / 60), distance % 60].map((part) => String(part).padStart(2, '0'));
  return `${zone.minutes < 0 ? '-' : '+'}${hours}:${minutes}`;
}

const jumpsFrom = '1970-01-01T00:00:00Z';
const jumpsUntilYear = 2100;
/** One list for each name at most. */
const jumpsByName = new Map<string, readonly bigint[]>();

/** When clocks of a place are put forward, in microseconds of UTC, from 1970 to 2100. */
export function forwardJumps(name: string): readonly bigint[] {
  const held = jumpsByName.get(name);
  if (held) return held;
  const jumps: bigint[] = [];
  let before = Temporal.Instant.from(jumpsFrom).toZonedDateTimeISO(name);
  for (;;) {
    const next = before.getTimeZoneTransition('next');
    if (!next || next.year > jumpsUntilYear) break;
    if (next.offsetNanoseconds > before.offsetNanoseconds) jumps.push(BigInt(next.epochMilliseconds) * 1_000n);
    before = next;
  }
  jumpsByName.set(name, jumps);
  return jumps;
}
