import type { PlanExpression } from '@hybridstore/contracts';
import { arithmetic, call, cast, integer, literal, text } from '@hybridstore/plan';
import { decimalOf, exactScale, type Typed, typed } from './types.ts';

/** MySQL's `div_precision_increment`. */
const scaleIncrement = 4;
/** MySQL keeps digits behind the point by nines. */
const digitsInWord = 9;
const shownScaleMax = 30;
/** Digits of a dividend and a quotient together, of which the engine has 38. */
const digitsMax = 38;
/** Of more digits behind the point a quotient is one of doubles. */
const scaleMax = 18;
/** Of integers of 64 bits, with or without a sign. */
const longDigitsMax = 20;
/** What is left for the whole digits of a dividend. */
const wholeDigitsMin = 16;

const inWords = (digits: number): number => Math.ceil(digits / digitsInWord) * digitsInWord;

/**
 * The quotient of two exact numbers as MySQL has it: shown in four digits more than the dividend, and reckoned with in more
 * than that, which are cut and not rounded.
 *
 *     1 / 3          0.333333333, shown as 0.3333          (1 / 3) * 3     0.999999999, shown as 1.0000
 *
 * Undefined where one is no exact number, or one of too many digits.
 */
export function exactQuotient(dividend: Typed, divisor: Typed): Typed | undefined {
  const [from, by] = [exactScale(dividend.type), exactScale(divisor.type)];
  if (from === undefined || by === undefined || Math.max(from, by) > scaleMax) return undefined;
  const scale = quotientScale(from, by);
  const factor = scale + by - from;
  const units = withinDigits(unitsOf(dividend, from), dividend, digitsMax - factor);
  const raised = arithmetic('multiply', units, literal('hugeint', `1${'0'.repeat(factor)}`));
  const whole = arithmetic('integer_divide', raised, call('nullif', unitsOf(divisor, by), integer(0)));
  const unit = literal(`decimal(${scale},${scale})`, `0.${'0'.repeat(scale - 1)}1`);
  const node = arithmetic('multiply', cast(whole, 'decimal(38,0)'), unit);
  const shownScale = Math.min((dividend.shownScale ?? from) + scaleIncrement, shownScaleMax, scale);
  return { ...typed(node, decimalOf(scale)), shownScale };
}

function quotientScale(from: number, by: number): number {
  const [fromDigits, byDigits] = [inWords(from), inWords(by)];
  const more = Math.max(scaleIncrement - (fromDigits - from + byDigits - by), 0);
  const most = digitsMax - wholeDigitsMin - Math.max(by - from, 0);
  return Math.max(Math.min(inWords(fromDigits + byDigits + more), most), from - by, digitsInWord);
}

/** A number without its point. */
export function unitsOf({ node, type }: Typed, scale: number): PlanExpression {
  if (scale === 0) return cast(node, 'hugeint');
  if (scale > digitsInWord)
    return cast(call('replace', cast(cast(node, type), 'string'), text('.'), text('')), 'hugeint');
  const power = cast(literal('hugeint', `1${'0'.repeat(scale)}`), 'decimal(38,0)');
  return cast(arithmetic('multiply', cast(node, type), power), 'hugeint');
}

/** More digits than the engine has fail in words of ours; of most types none has more. */
function withinDigits(units: PlanExpression, { type }: Typed, digits: number): PlanExpression {
  if (digitsOf(type) <= digits) return units;
  return call('bounded_units', units, literal('hugeint', `1${'0'.repeat(digits)}`));
}

function digitsOf(type: string): number {
  const [, width] = /^decimal\((\d+),\d+\)$/.exec(type) ?? [];
  if (width !== undefined) return Number(width);
  return type === 'hugeint' ? digitsMax : longDigitsMax;
}

/** Digits behind the point that a quotient of PostgreSQL has at most here; whole digits are left 18. */
const numericScale = 20;

/**
 * The quotient of two exact numbers as PostgreSQL has it: in 16 significant digits at least, by groups of four, and in no
 * fewer behind the point than either side.
 *
 *     1::numeric / 3        0.33333333333333333333        100000::numeric / 7        14285.714285714286
 *
 * Undefined where one is no exact number, or one of too many digits.
 */
export function numericQuotient(dividend: Typed, divisor: Typed): Typed | undefined {
  const [from, by] = [exactScale(dividend.type), exactScale(divisor.type)];
  if (from === undefined || by === undefined || Math.max(from, by) > numericScale) return undefined;
  const operands = [unitsOf(dividend, from), unitsOf(divisor, by), integer(from), integer(by)];
  const unit = literal(`decimal(${numericScale},${numericScale})`, `0.${'0'.repeat(numericScale - 1)}1`);
  const whole = cast(call('numeric_quotient', ...operands), 'decimal(38,0)');
  return typed(arithmetic('multiply', whole, unit), decimalOf(numericScale));
}
