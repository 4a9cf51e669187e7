import { type Column, columnsMax } from '@hybridstore/contracts';
import { isExactNumber, isKeptAsDouble } from '@hybridstore/runtime';
import { readDecimalComma, type ValueRules } from './prepare-row.ts';
import type { ReadRow } from './row.ts';

export const rowsLookedAt = 1_000;

const precisionMax = 38;
const wholeText = /^[+-]?(?:0|[1-9]\d*)$/;
const fractionText = /^[+-]?(?:0|[1-9]\d*)?\.\d+$/;
const exponentText = /^[+-]?(?:\d+\.?\d*|\.\d+)[eE][+-]?\d+$/;
const dayText = /^\d{4}-\d\d-\d\d$/;
/** An offset would be lost: such a text stays text. */
const instantText = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z?$/;

/** What the values of one column have in common so far. */
type Seen = {
  readonly kinds: Set<'boolean' | 'whole' | 'fraction' | 'exponent' | 'date' | 'timestamp' | 'text' | 'document'>;
  /** Most digits before and behind the point. */
  wholeDigits: number;
  scale: number;
  /** Whether 64 bits keep every one of the whole numbers. */
  isLong: boolean;
  /** Whether a double keeps every one of the numbers. */
  isDouble: boolean;
};

/**
 * Columns for the first rows of a file: the narrowest type that keeps all of their values as they are, `string` where none
 * does. Digits with leading zeros are text, numbers that a double would change decimals. Every column may be null.
 */
export async function inferColumns(
  rows: AsyncIterable<ReadRow>,
  { isText, rules }: { readonly isText: boolean; readonly rules: ValueRules },
): Promise<readonly Column[]> {
  const seen = new Map<string, Seen>();
  let looked = 0;
  for await (const row of rows) {
    if (row.fields === undefined) continue;
    for (const [name, value] of Object.entries(row.fields)) {
      const known = seen.get(name) ?? { kinds: new Set(), wholeDigits: 1, scale: 0, isLong: true, isDouble: true };
      seen.set(name, known);
      look(known, value, { isText, rules });
    }
    looked += 1;
    if (looked === rowsLookedAt || seen.size > columnsMax) break;
  }
  return [...seen].map(([name, known]) => ({ name, type: typeOf(known, isText) }));
}

type Looking = { readonly isText: boolean; readonly rules: ValueRules };

function look(seen: Seen, value: unknown, looking: Looking): void {
  if (value === null || value === undefined) return;
  if (typeof value === 'boolean') seen.kinds.add('boolean');
  else if (typeof value === 'string') lookAtText(seen, value, looking);
  else if (typeof value === 'number' && !Number.isFinite(value)) seen.kinds.add('exponent');
  else if (typeof value === 'number' || typeof value === 'bigint') lookAtNumber(seen, String(value));
  else if (isExactNumber(value)) lookAtNumber(seen, value.rawJSON);
  else seen.kinds.add(value instanceof Uint8Array ? 'text' : 'document');
}

function lookAtText(seen: Seen, text: string, { isText, rules }: Looking): void {
  if (isText && (rules.nullTexts?.includes(text) || text.trim() === '')) return;
  const trimmed = isText ? text.trim() : text;
  if (rules.readTimestamp !== undefined) {
    const moment = rules.readTimestamp(trimmed);
    if (moment !== undefined) {
      seen.kinds.add(dayText.test(moment) ? 'date' : 'timestamp');
      return;
    }
  }
  if (dayText.test(trimmed)) seen.kinds.add('date');
  else if (instantText.test(trimmed)) seen.kinds.add('timestamp');
  else if (!isText) seen.kinds.add('text');
  else if (/^(true|false)$/i.test(trimmed)) seen.kinds.add('boolean');
  else lookAtNumber(seen, rules.hasDecimalComma ? (readDecimalComma(trimmed) ?? 'text') : trimmed);
}

function lookAtNumber(seen: Seen, text: string): void {
  const isWhole = wholeText.test(text);
  if (!isWhole && !fractionText.test(text)) {
    seen.kinds.add(exponentText.test(text) ? 'exponent' : 'text');
    return;
  }
  seen.kinds.add(isWhole ? 'whole' : 'fraction');
  const [whole = '', fraction = ''] = text.replace(/^[+-]/, '').split('.');
  seen.wholeDigits = Math.max(seen.wholeDigits, whole.length);
  seen.scale = Math.max(seen.scale, fraction.length);
  seen.isLong &&= isWhole && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
  seen.isDouble &&= isKeptAsDouble(`${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`);
}

function typeOf({ kinds, wholeDigits, scale, isLong, isDouble }: Seen, isText: boolean): string {
  const only = (...allowed: readonly string[]) => kinds.size > 0 && [...kinds].every((kind) => allowed.includes(kind));
  if (only('boolean')) return 'boolean';
  if (only('whole') && isLong) return 'bigint';
  if (only('whole', 'fraction') && !isDouble)
    return wholeDigits + scale <= precisionMax ? `decimal(${precisionMax},${scale})` : otherwise(isText);
  if (only('whole', 'fraction', 'exponent') && isDouble) return 'double';
  if (only('date')) return 'date';
  if (only('date', 'timestamp')) return 'timestamp';
  return only('text', 'date', 'timestamp') || kinds.size === 0 ? 'string' : otherwise(isText);
}

/** What keeps values of several kinds: all of CSV are texts, all of JSON are JSON. */
function otherwise(isText: boolean): string {
  return isText ? 'string' : 'json';
}
