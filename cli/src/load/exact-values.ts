const millisPerDay = 86_400_000;

/**
 * Values of columnar files as text that loses no digit: JavaScript's Date ends at milliseconds, its numbers at 2^53.
 *
 * Units since 1970-01-01T00:00:00Z as ISO 8601 with as many digits of a fraction as there are; as a bare number when no calendar reaches that far.
 */
export function formatInstant(units: bigint, unitsPerSecond: bigint): string {
  const fraction = modulo(units, unitsPerSecond);
  const seconds = (units - fraction) / unitsPerSecond;
  const date = new Date(Number(seconds) * 1_000);
  if (Number.isNaN(date.getTime())) return String(units);
  return `${date.toISOString().slice(0, -'.000Z'.length)}${formatFraction(fraction, unitsPerSecond)}Z`;
}

/** Units since midnight as `HH:MM:SS` and a fraction where there is one. The end of a day is 24:00:00, not its beginning. */
export function formatTimeOfDay(units: bigint, unitsPerSecond: bigint): string {
  const fraction = modulo(units, unitsPerSecond);
  const seconds = (units - fraction) / unitsPerSecond;
  const [hour, minute, second] = [seconds / 3_600n, (seconds / 60n) % 60n, seconds % 60n];
  const clock = [hour, minute, second].map((part) => String(part).padStart(2, '0')).join(':');
  return `${clock}${formatFraction(fraction, unitsPerSecond)}`;
}

/** Days since 1970-01-01 as `YYYY-MM-DD`. */
export function formatDay(days: number): string {
  const date = new Date(days * millisPerDay);
  return Number.isNaN(date.getTime()) ? String(days) : date.toISOString().slice(0, -'T00:00:00.000Z'.length);
}

/** `unscaled` × 10^-`scale` with every digit: 1050 and 2 give `10.50`. */
export function formatDecimal(unscaled: bigint, scale: number): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale));
  const sign = unscaled < 0n ? '-' : '';
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function formatFraction(fraction: bigint, unitsPerSecond: bigint): string {
  if (fraction === 0n) return '';
  const digits = String(unitsPerSecond).length - 1;
  return `.${String(fraction).padStart(digits, '0').replace(/0+$/, '')}`;
}

function modulo(value: bigint, divisor: bigint): bigint {
  const rest = value % divisor;
  return rest < 0n ? rest + divisor : rest;
}
