import { parseTimestamp } from '@hybridstore/contracts';

/**
 * Microseconds since 1970 in UTC of a text that a write takes for a timestamp; undefined for anything else. Pruning, the
 * filter of rows and the write read one value by this one rule.
 */
export function parseTimestampMicros(text: string): bigint | undefined {
  const ms = parseStatisticMs(text);
  if (ms !== undefined) return BigInt(ms) * 1_000n;
  const instant = parseTimestamp(text);
  return instant && BigInt(instant.seconds) * 1_000_000n + BigInt(instant.micros);
}

const statisticForm = /^[1-9]\d{3}-\d\d-(?:[01]\d|2[0-8])(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z)?$/;

/** The two forms of file statistics, in a tenth of the time; days that may not exist are left to the other reader. */
function parseStatisticMs(text: string): number | undefined {
  const ms = statisticForm.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** `YYYY-MM-DD HH:MM:SS.ffffff` in UTC: the engine's own form, without an offset. */
export function timestampText(micros: bigint): string {
  const ms = micros >= 0n ? micros / 1_000n : (micros - 999n) / 1_000n;
  const rest = micros - ms * 1_000n;
  return `${new Date(Number(ms)).toISOString().replace('T', ' ').slice(0, 23)}${String(rest).padStart(3, '0')}`;
}
