import { usageError } from '../usage-error.ts';

/** ISO 8601 of a text in the format; undefined when it is not. */
export type ReadTimestamp = (text: string) => string | undefined;

type Part =
  | 'year'
  | 'shortYear'
  | 'month'
  | 'monthName'
  | 'day'
  | 'hour'
  | 'hour12'
  | 'half'
  | 'minute'
  | 'second'
  | 'fraction'
  | 'zone';

/** Those of strptime that say one moment and nothing twice. */
const directives: Readonly<Record<string, readonly [part: Part, pattern: string]>> = {
  Y: ['year', '\\d{4}'],
  y: ['shortYear', '\\d{2}'],
  m: ['month', '\\d{1,2}'],
  b: ['monthName', '[a-z]{3}'],
  B: ['monthName', '[a-z]+'],
  d: ['day', '\\d{1,2}'],
  e: ['day', ' ?\\d{1,2}'],
  H: ['hour', '\\d{1,2}'],
  I: ['hour12', '\\d{1,2}'],
  p: ['half', '[ap]\\.?m\\.?'],
  M: ['minute', '\\d{1,2}'],
  S: ['second', '\\d{1,2}'],
  f: ['fraction', '\\d{1,9}'],
  z: ['zone', 'z|[+-]\\d{2}:?\\d{2}'],
};
const shorthands: Readonly<Record<string, string>> = { '%T': '%H:%M:%S', '%F': '%Y-%m-%d', '%D': '%m/%d/%y' };
const months = [
  ...['january', 'february', 'march', 'april', 'may', 'june', 'july'],
  ...['august', 'september', 'october', 'november', 'december'],
];
/** As POSIX reads two digits. */
const shortYearPivot = 69;

/**
 * Reads dates and times as `--timestamp-format` says, in strptime's directives (`%d.%m.%Y %H:%M`). Digits of a fraction are
 * all kept; without a zone the time is UTC. Whether there is such a day is for the platform to say.
 */
export function parseTimestampFormat(format: string): ReadTimestamp {
  const parts: Part[] = [];
  const whole = format.replaceAll(/%[TFD]/g, (shorthand) => shorthands[shorthand] ?? shorthand);
  const pattern = whole.replaceAll(/%(.?)|[^%]+/gs, (text, letter: string | undefined) => {
    if (letter === undefined) return RegExp.escape(text);
    if (letter === '%') return '%';
    const directive = Object.hasOwn(directives, letter) ? directives[letter] : undefined;
    if (!directive) throw unknownDirective(text);
    if (parts.includes(directive[0])) throw usageError('--timestamp-format', `expected ${text} once, found it twice`);
    parts.push(directive[0]);
    return `(${directive[1]})`;
  });
  const hasDay = (parts.includes('year') || parts.includes('shortYear')) && parts.includes('day');
  if (!hasDay || !(parts.includes('month') || parts.includes('monthName')))
    throw usageError('--timestamp-format', `expected a year, a month and a day (%Y, %m, %d), found ${format}`);
  const regex = new RegExp(`^${pattern}$`, 'i');
  return (text) => {
    const match = regex.exec(text);
    return match === null
      ? undefined
      : formatParts(new Map(parts.map((part, index) => [part, match[index + 1] ?? ''])));
  };
}

function unknownDirective(found: string) {
  const known = Object.keys(directives).map((letter) => `%${letter}`);
  return usageError(
    '--timestamp-format',
    `expected ${[...known, ...Object.keys(shorthands), '%%'].join(' ')}, found ${found}`,
  );
}

function formatParts(parts: ReadonlyMap<Part, string>): string | undefined {
  const month = parts.get('month') ?? monthNumber(parts.get('monthName') ?? '');
  const hour = parts.get('hour') ?? hourOf(parts.get('hour12'), parts.get('half'));
  if (month === undefined || hour === undefined) return undefined;
  const two = (text: string | undefined) => (text ?? '0').trim().padStart(2, '0');
  const day = `${parts.get('year') ?? fullYear(parts.get('shortYear') ?? '')}-${two(month)}-${two(parts.get('day'))}`;
  const isDayAlone = !['hour', 'hour12', 'minute', 'second', 'zone'].some((part) => parts.has(part as Part));
  if (isDayAlone) return day;
  const fraction = parts.get('fraction');
  const time = `${two(hour)}:${two(parts.get('minute'))}:${two(parts.get('second'))}`;
  return `${day}T${time}${fraction === undefined ? '' : `.${fraction}`}${(parts.get('zone') ?? 'Z').toUpperCase()}`;
}

function monthNumber(name: string): string | undefined {
  const index = months.findIndex((month) => month === name.toLowerCase() || month.slice(0, 3) === name.toLowerCase());
  return index < 0 ? undefined : String(index + 1);
}

function hourOf(hour12: string | undefined, half: string | undefined): string | undefined {
  if (hour12 === undefined) return '0';
  const hour = Number(hour12);
  if (half === undefined || hour < 1 || hour > 12) return undefined;
  return String((hour % 12) + (half.toLowerCase().startsWith('p') ? 12 : 0));
}

function fullYear(short: string): string {
  return `${Number(short) < shortYearPivot ? '20' : '19'}${short}`;
}
