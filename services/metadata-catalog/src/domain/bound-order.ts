import { parseColumnType } from '@hybridstore/contracts';

/** Orders two bounds of one column, given in the text form of file statistics. Negative, zero or positive. */
export type BoundOrder = (a: string, b: string) => number;

/** The order of a column type's values; text order for types that have no bounds of their own. */
export function boundOrder(typeName: string): BoundOrder {
  switch (parseColumnType(typeName)?.kind) {
    case 'integer':
    case 'bigint':
    case 'decimal':
      return compareDecimals;
    case 'double':
      return (a, b) => compareNumbers(Number(a), Number(b));
    default:
      return compareText;
  }
}

/** NaN is the greatest double, as in DuckDB and Spark. */
function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Doubles hold 15 digits for certain; longer numbers are compared as scaled integers, so that bigint and decimal bounds stay exact. */
function compareDecimals(a: string, b: string): number {
  if (a.length <= 15 && b.length <= 15) return compareNumbers(Number(a), Number(b));
  const [left, right] = [splitDecimal(a), splitDecimal(b)];
  if (left === undefined || right === undefined) return compareNumbers(Number(a), Number(b));
  const scale = Math.max(left.fraction.length, right.fraction.length);
  const [x, y] = [scaled(left, scale), scaled(right, scale)];
  return x < y ? -1 : x > y ? 1 : 0;
}

type DecimalParts = { readonly sign: string; readonly whole: string; readonly fraction: string };

function splitDecimal(text: string): DecimalParts | undefined {
  const match = /^(-?)(\d{1,76})(?:\.(\d{0,76}))?$/.exec(text);
  return match ? { sign: match[1] ?? '', whole: match[2] ?? '', fraction: match[3] ?? '' } : undefined;
}

function scaled(parts: DecimalParts, scale: number): bigint {
  return BigInt(`${parts.sign}${parts.whole}${parts.fraction.padEnd(scale, '0')}`);
}

/** Code point order, which is the byte order of UTF-8; JavaScript's own order differs beyond the basic plane. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  if (!hasSurrogates(a) && !hasSurrogates(b)) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}
