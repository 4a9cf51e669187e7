import type { PlanExpression } from '@hybridstore/contracts';
import { arithmetic, call, cast, choose, integer, literal } from '@hybridstore/plan';
import { isInteger, type Typed, typed } from './types.ts';

/** 2^64. */
const wrapAround = literal('hugeint', '18446744073709551616');
/** 2^64 - 1: every bit of 64 is set. */
export const allBits = cast(literal('hugeint', '18446744073709551615'), 'ubigint');
const bitsMax = 64;

/**
 * The 64 bits of a whole number as MySQL reckons with them, without a sign: -1 has all of them. One operand, so that nested
 * operators do not double what they print.
 */
export function unsignedBits(value: Typed): PlanExpression {
  if (value.type === 'ubigint') return value.node;
  if (isCount(value.node)) return cast(value.node, 'ubigint');
  const whole = isInteger(value.type) ? value.node : cast(value.node, 'bigint');
  return cast(arithmetic('modulo', arithmetic('add', cast(whole, 'hugeint'), wrapAround), wrapAround), 'ubigint');
}

/** `~`, `&`, `|`, `^` of MySQL. */
export function unsignedOperation(operator: 'bit_and' | 'bit_or' | 'bit_xor', sides: readonly Typed[]): Typed {
  // Beside a number of 63 bits without a sign, the sign of the other makes no difference to `&`.
  if (operator === 'bit_and' && sides.some((side) => isCount(side.node)) && sides.every((side) => isInteger(side.type)))
    return typed(arithmetic(operator, ...sides.map((side) => side.node)), 'bigint');
  return typed(arithmetic(operator, ...sides.map(unsignedBits)), 'ubigint');
}

export function unsignedComplement(value: Typed): Typed {
  return typed(arithmetic('bit_not', unsignedBits(value)), 'ubigint');
}

/** `<<` and `>>` of MySQL: bits fall out at either end, and a shift by 64 or by less than nothing leaves none. */
export function unsignedShift(operator: 'shift_left' | 'shift_right', value: Typed, places: Typed): Typed {
  const bits = unsignedBits(value);
  const count = isInteger(places.type) ? places.node : cast(places.node, 'bigint');
  const kept =
    operator === 'shift_left'
      ? arithmetic('bit_and', bits, arithmetic('shift_right', allBits, cast(count, 'ubigint')))
      : bits;
  const shifted = arithmetic(operator, kept, cast(count, 'ubigint'));
  if (isCount(places.node) && Number((places.node as { value?: unknown }).value) < bitsMax)
    return typed(shifted, 'ubigint'); // a count is a literal
  const isWithin: PlanExpression = {
    kind: 'between',
    value: count,
    low: integer(0),
    high: integer(bitsMax - 1),
    negated: true,
  };
  return typed(choose(isWithin, cast(integer(0), 'ubigint'), shifted), 'ubigint');
}

export function bitCount(value: Typed): Typed {
  return typed(call('bit_count', unsignedBits(value)), 'bigint');
}

function isCount(node: PlanExpression): boolean {
  return node.kind === 'literal' && typeof node.value === 'number' && Number.isInteger(node.value) && node.value >= 0;
}
