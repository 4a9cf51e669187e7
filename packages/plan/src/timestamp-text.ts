const form =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s?(Z|z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/**
 * Microseconds since 1970 in UTC of `YYYY-MM-DD`, or of a date and time with `T` or a space, a fraction and an offset;
 * undefined for anything else, dates that do not exist included. No offset means UTC.
 */
export function parseTimestampMicros(text: string): bigint | undefined {
  const ms = parseStatisticMs(text);
  return ms === undefined ? parseAnyForm(text) : BigInt(ms) * 1_000n;
}

const statisticForm = /^[1-9]\d{3}-\d\d-(?:[01]\d|2[0-8])(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z)?$/;

/** The two forms of file statistics, in a tenth of the time; days that may not exist are left to the other reader. */
function parseStatisticMs(text: string): number | undefined {
  const ms = statisticForm.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function parseAnyForm(text: string): bigint | undefined {
  const match = form.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const ms = Date.UTC(year ?? 0, (month ?? 1) - 1, day ?? 1, hour ?? 0, minute ?? 0, second ?? 0);
  const isReal =
    new Date(ms).toISOString().slice(0, 10) === text.slice(0, 10) &&
    (hour ?? 0) < 24 &&
    (minute ?? 0) < 60 &&
    (second ?? 0) < 60;
  if (!isReal || (year ?? 0) < 100) return undefined;
  const fraction = BigInt((match[7] ?? '').padEnd(6, '0').slice(0, 6));
  return BigInt(ms) * 1_000n + fraction - offsetMicros(match[8]);
}

function offsetMicros(offset: string | undefined): bigint {
  if (offset === undefined || offset.toUpperCase() === 'Z') return 0n;
  const digits = offset.slice(1).replace(':', '').padEnd(4, '0');
  const minutes = BigInt(digits.slice(0, 2)) * 60n + BigInt(digits.slice(2));
  return (offset.startsWith('-') ? -minutes : minutes) * 60_000_000n;
}

/** `YYYY-MM-DD HH:MM:SS.ffffff` in UTC: the engine's own form, without an offset. */
export function timestampText(micros: bigint): string {
  const ms = micros >= 0n ? micros / 1_000n : (micros - 999n) / 1_000n;
  const rest = micros - ms * 1_000n;
  return `${new Date(Number(ms)).toISOString().replace('T', ' ').slice(0, 23)}${String(rest).padStart(3, '0')}`;
}
