const daysInMonth = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/**
 * Calendar arithmetic on text, without `Date`: exact to the microsecond and an order of magnitude cheaper.
 * Days from the civil date by Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (proleptic Gregorian).
 */
export const dateTextLength = 10;

/** Days since 1970-01-01 of `YYYY-MM-DD` at the start of `text`, years 0001 to 9999; undefined when it is not a date. */
export function parseDatePrefix(text: string): number | undefined {
  if (text.length < dateTextLength || text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return undefined;
  const year = digitsAt(text, 0, 2) * 100 + digitsAt(text, 2, 2);
  const month = digitsAt(text, 5, 2);
  const day = digitsAt(text, 8, 2);
  return daysOfCivil(year, month, day);
}

/** Days since 1970-01-01; undefined for what is no day of the years 0001 to 9999, among it NaN. */
export function daysOfCivil(year: number, month: number, day: number): number | undefined {
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= monthLength(year, month))) return undefined;
  return daysFromCivil(year, month, day);
}

export function parseDate(text: string): number | undefined {
  return text.length === dateTextLength ? parseDatePrefix(text) : undefined;
}

/** Value of `count` (1 or 2) decimal digits, or NaN. */
export function digitsAt(text: string, at: number, count: 1 | 2): number {
  const first = text.charCodeAt(at) - 48;
  if (!(first >= 0 && first <= 9)) return Number.NaN;
  if (count === 1) return first;
  const second = text.charCodeAt(at + 1) - 48;
  return second >= 0 && second <= 9 ? first * 10 + second : Number.NaN;
}

function monthLength(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (daysInMonth[month] ?? 0);
}

function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** `YYYY-MM-DD` of days since 1970-01-01. */
export function formatDate(days: number): string {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9);
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
