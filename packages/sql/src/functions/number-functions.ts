import { arithmetic, call, cast, integer, literal } from '@hybridstore/plan';
import { remainder, toNumber } from '../bind/arithmetic.ts';
import { constantNumber, isFloating, isInteger, readJsonAs, type Typed, typed } from '../bind/types.ts';
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
    atan: (at) =>
      at.count === 1
        ? typed(call('atan', number(at, 0).node), 'double')
        : typed(call('atan2', number(at, 0).node, number(at, 1).node), 'double'),
    div: (at) => typed(arithmetic('integer_divide', number(at, 0).node, number(at, 1).node), 'bigint'),
  },
};

/** Halves of doubles go to the even neighbour in MySQL and PostgreSQL (IEEE 754), away from zero in DuckDB; decimals always do. */
function round(at: CallSite): Typed {
  const value = readJsonAs(at.argument(0), 'double');
  if (isFloating(value.type) && at.site.context.dialect !== 'duckdb' && at.count === 1)
    return typed(call('round_even', value.node, integer(0)), value.type);
  const digits = at.count > 1 ? [at.argument(1).node] : [];
  const type = isInteger(value.type) ? value.type : value.type === 'literal' ? 'double' : value.type;
  return typed(call('round', value.node, ...digits), type);
}

/** One argument: natural in MySQL (which the parser gives as LN), decimal elsewhere. Two: base first. */
function logarithm(at: CallSite): Typed {
  if (at.count === 1)
    return typed(call(at.site.context.dialect === 'mysql' ? 'ln' : 'log10', number(at, 0).node), 'double');
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
