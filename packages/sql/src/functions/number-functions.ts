import type { PlanExpression } from '@hybridstore/contracts';
import { arithmetic, call, cast, choose, integer, isNull, literal, planErrors, text } from '@hybridstore/plan';
import { remainder, toNumber } from '../bind/arithmetic.ts';
import {
  constantNumber,
  decimalOf,
  exactScale,
  isDecimal,
  isFloating,
  isInteger,
  readJsonAs,
  type Typed,
  typed,
} from '../bind/types.ts';
import { bitCount } from '../bind/unsigned-bits.ts';
import { isNode, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { CallSite, Translators } from './call-site.ts';

const number = (at: CallSite, index: number): Typed => toNumber(at.argument(index), at.site);

/**
 * Functions on numbers, where halves, zeros and bases differ:
 *
 *     ROUND(2.5e0)     MySQL, PostgreSQL: 2, the even neighbour    DuckDB: 3
 *     LOG(100)         MySQL: 4.6, natural                         else: 2, decimal
 *     MOD(1, 0)        MySQL: null                                 PostgreSQL: an error
 *
 * Left out: digits that are not constant, and more than 15 of them, in TRUNC.
 */
export const numberTranslators: Translators = {
  all: {
    mod: (at) => remainder(number(at, 0), number(at, 1), at.site),
    log: (at) => logarithm(at),
    // A bound of digits moves the point; the engine's own trunc has none.
    trunc: truncate,
    truncate,
    round,
  },
  mysql: {
    sqrt: (at) => double('sqrt', at),
    ln: (at) => double('ln', at),
    log10: (at) => double('log10', at),
    log2: (at) => double('log2', at),
    asin: (at) => double('asin', at),
    acos: (at) => double('acos', at),
    pow: power,
    power,
    bit_count: (at) => bitCount(number(at, 0)),
    atan: (at) =>
      at.count === 1
        ? typed(call('atan', number(at, 0).node), 'double')
        : typed(call('atan2', number(at, 0).node, number(at, 1).node), 'double'),
    ceil: (at) => whole('ceil', at),
    ceiling: (at) => whole('ceil', at),
    floor: (at) => whole('floor', at),
    div: (at) => typed(arithmetic('integer_divide', number(at, 0).node, number(at, 1).node), 'bigint'),
  },
};

/** The engine makes a double of a whole number. */
function whole(name: 'ceil' | 'floor', at: CallSite): Typed {
  const value = number(at, 0);
  if (isInteger(value.type)) return value;
  return typed(call(name, value.node), isDecimal(value.type) ? decimalOf(0) : 'double');
}

/** A function of one number; where it has no value, `mysql-leniency.ts` makes null of it. */
function double(name: string, at: CallSite): Typed {
  return typed(call(name, number(at, 0).node), 'double');
}

/** MySQL fails where a power is no number or an infinite one. */
function power(at: CallSite): Typed {
  const value = call('pow', number(at, 0).node, number(at, 1).node);
  const known = [constantNumber(at.argument(0)), constantNumber(at.argument(1))];
  const isPlain = known[1] !== undefined && Number.isInteger(known[1]) && known[1] >= 0 && known[1] <= plainExponentMax;
  if (isPlain) return typed(value, 'double');
  const failure = cast(call('error', text(planErrors.outOfRange)), 'double');
  return typed(choose(call('isfinite', value), value, choose(isNull(value, true), failure)), 'double');
}

/** No column but one of doubles has a power up to this that is not finite. */
const plainExponentMax = 8;

/** Halves of doubles go to the even neighbour in MySQL and PostgreSQL (IEEE 754), away from zero in DuckDB; decimals always do. */
function round(at: CallSite): Typed {
  const { dialect } = at.site.context;
  const given = at.argument(0);
  const isNone = given.type === 'null' && dialect === 'mysql';
  const value = isNone
    ? typed(cast(given.node, 'double'), 'double')
    : given.type === 'boolean'
      ? number(at, 0)
      : readJsonAs(given, 'double');
  // A double that is cast to NUMERIC stays one, and rounds as NUMERIC does.
  const isExact = dialect === 'postgresql' && given.node.kind === 'cast' && isNumericCast(at.node(0));
  if (isFloating(value.type) && dialect !== 'duckdb' && !isExact) {
    if (dialect === 'postgresql' && at.count > 1 && value.type !== 'json' && given.type !== 'json')
      return typed(call('round', value.node, at.argument(1).node), value.type);
    return typed(call('round_even', value.node, at.count > 1 ? digitsOf(at) : integer(0)), value.type);
  }
  // The engine rounds no decimals to a number of digits that rows decide.
  if (isDecimal(value.type) && at.count > 1 && !isConstant(at.argument(1)))
    throw at.refuse(`${at.call.name} of a decimal takes a constant number of digits`, {
      expected: 'a constant',
      argument: 2,
    });
  const digitsKnown = at.count > 1 ? constantNumber(at.argument(1)) : 0;
  if (dialect !== 'duckdb' && isInteger(value.type) && (digitsKnown === undefined || digitsKnown < 0))
    return typed(call('round', cast(value.node, 'hugeint'), digitsOf(at)), 'hugeint');
  const digits = at.count > 1 ? [dialect === 'duckdb' ? at.argument(1).node : digitsOf(at)] : [];
  return typed(call('round', value.node, ...digits), roundedType(value.type, digitsKnown));
}

function digitsOf(at: CallSite): PlanExpression {
  const { node, type } = at.argument(1);
  if (type === 'null') return node;
  if (node.kind === 'literal') return integer(Math.min(Math.max(Number(node.value), -digitsMax), digitsMax));
  // The engine's GREATEST reads over NULL.
  const bounded = call('least', call('greatest', node, integer(-digitsMax)), integer(digitsMax));
  return choose(isNull(node, true), cast(bounded, 'integer'));
}

/** No number has more, so that more change nothing. */
const digitsMax = 400;

function roundedType(type: string, digits: number | undefined): string {
  if (type === 'literal') return 'double';
  const scale = isDecimal(type) ? exactScale(type) : undefined;
  return scale === undefined || digits === undefined ? type : decimalOf(Math.min(scale, Math.max(digits, 0)));
}

/** A number with or without a sign, a parameter or a null. */
function isConstant({ node }: Typed): boolean {
  const inner = node.kind === 'arithmetic' && node.operator === 'negate' ? node.operands[0] : node;
  return inner?.kind === 'literal' || inner?.kind === 'parameter';
}

function isNumericCast(node: SyntaxNode | undefined): boolean {
  const inner = node && kindOf(node) === 'cast' ? node['cast'] : undefined;
  const target = isNode(inner) ? inner['to'] : undefined;
  return isNode(target) && target['data_type'] === 'decimal';
}

/** One argument: natural in MySQL (which the parser gives as LN), decimal elsewhere. Two: base first. */
function logarithm(at: CallSite): Typed {
  if (at.count === 1) return double(at.site.context.dialect === 'mysql' ? 'ln' : 'log10', at);
  return typed(call('log', number(at, 0).node, number(at, 1).node), 'double');
}

function truncate(at: CallSite): Typed {
  const value = number(at, 0);
  if (at.count === 1) return typed(call('trunc', value.node), value.type);
  const digits = constantNumber(at.argument(1));
  if (digits === undefined || Math.abs(digits) > 15)
    throw at.refuse(`${at.call.name} takes a constant number of digits up to 15`, { expected: 'a constant' });
  const factor = literal('double', 10 ** Math.abs(digits));
  const base = cast(value.node, 'double');
  const [up, down] = digits >= 0 ? (['multiply', 'divide'] as const) : (['divide', 'multiply'] as const);
  return typed(arithmetic(down, call('trunc', arithmetic(up, base, factor)), factor), 'double');
}
