import { dateTextLength, digitsAt, formatDate, parseDatePrefix } from './parse-date.ts';

/** Whole seconds since 1970-01-01T00:00:00Z and the microseconds after them (0 to 999,999). */
export type Instant = { readonly seconds: number; readonly micros: number };

/** 0001-01-01T00:00:00Z and the second after 9999-12-31T23:59:59Z: beyond them no reader knows four digits of a year. */
const secondsMin = -62_135_596_800;
const secondsEnd = 253_402_300_800;

/**
 * ISO 8601: `YYYY-MM-DD`, then optionally `T` or a space, `HH:MM`, `:SS`, a fraction, and `Z` or an offset. Without an
 * offset the time is UTC; a date alone is its midnight. Undefined when the text is anything else, among it a fraction
 * finer than a microsecond (it could not be kept), leap seconds (no reader of the tables knows them) and an offset that
 * leads out of the years 0001 to 9999.
 */
export function parseTimestamp(text: string): Instant | undefined {
  const days = parseDatePrefix(text);
  if (days === undefined) return undefined;
  if (text.length === dateTextLength) return { seconds: days * 86_400, micros: 0 };
  const separator = text.charCodeAt(10);
  if (separator !== 84 && separator !== 32 && separator !== 116) return undefined;
  return parseTime(text, days);
}

function parseTime(text: string, days: number): Instant | undefined {
  const hour = digitsAt(text, 11, 2);
  const minute = digitsAt(text, 14, 2);
  if (!(hour <= 23 && minute <= 59) || text.charCodeAt(13) !== 58) return undefined;
  let at = 16;
  let second = 0;
  let micros = 0;
  if (text.charCodeAt(at) === 58) {
    second = digitsAt(text, at + 1, 2);
    if (!(second <= 59)) return undefined;
    at += 3;
    const separator = text.charCodeAt(at);
    if (separator === 46 || separator === 44) {
      const end = digitsEnd(text, at + 1);
      micros = parseFraction(text, at + 1, end);
      if (micros < 0) return undefined;
      at = end;
    }
  }
  const offsetSeconds = parseOffset(text, at);
  if (offsetSeconds === undefined) return undefined;
  const seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offsetSeconds;
  return seconds >= secondsMin && seconds < secondsEnd ? { seconds, micros } : undefined;
}

function digitsEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57) at += 1;
  return at;
}

/** Microseconds of the digits in [from, end), or −1 when there are none or they are finer than a microsecond. */
function parseFraction(text: string, from: number, end: number): number {
  if (end === from) return -1;
  let micros = 0;
  for (let at = from; at < from + 6; at += 1) micros = micros * 10 + (at < end ? text.charCodeAt(at) - 48 : 0);
  for (let at = from + 6; at < end; at += 1) if (text.charCodeAt(at) !== 48) return -1;
  return micros;
}

/** Seconds east of Greenwich: nothing, `Z`, `+HH`, `+HHMM` or `+HH:MM` up to the end of the text. */
function parseOffset(text: string, at: number): number | undefined {
  if (at === text.length) return 0;
  const sign = text.charCodeAt(at);
  if (sign === 90 || sign === 122) return at + 1 === text.length ? 0 : undefined;
  if (sign !== 43 && sign !== 45) return undefined;
  const match = /^(\d\d)(?::?(\d\d))?$/.exec(text.slice(at + 1));
  if (!match) return undefined;
  const [hours, minutes] = [Number(match[1]), Number(match[2] ?? 0)];
  if (hours > 18 || minutes > 59) return undefined;
  return (sign === 45 ? -1 : 1) * (hours * 3_600 + minutes * 60);
}

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` of microseconds since 1970. */
export function formatTimestamp(epochMicros: bigint): string {
  const micros = Number(((epochMicros % 86_400_000_000n) + 86_400_000_000n) % 86_400_000_000n);
  const days = Number((epochMicros - BigInt(micros)) / 86_400_000_000n);
  const seconds = Math.floor(micros / 1_000_000);
  const [hour, minute, second] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return `${formatDate(days)}T${two(hour)}:${two(minute)}:${two(second)}.${String(micros % 1_000_000).padStart(6, '0')}Z`;
}
