import type { ComparisonOperator, PlanExpression } from '@hybridstore/contracts';
import { call, choose, compare, literal, logic, not, text, trueLiteral, tryCast } from './nodes.ts';

/**
 * A number of a document beside one that is exact: an integer or decimal, or another document's. Documents keep every
 * digit, and a double does not:
 *
 *   near    the double next to it, of any magnitude; numbers whose doubles differ are in that order
 *   exact   of at most 38 digits, which decides where the doubles are one; else NULL
 *
 * The engine's reader of JSON keeps integers whole and makes doubles of fractions, which it prints with a point: those
 * are near only, as digits that it made up decide nothing.
 */
export type DocumentNumber = { readonly near: PlanExpression; readonly exact: PlanExpression };

/** `scale`: digits behind the point of the number beside it, none beside integers. */
export function documentNumber(asText: PlanExpression, scale = 0): DocumentNumber {
  const whole = choose(not(call('contains', asText, text('.'))), tryCast(asText, exactNumberType(scale)));
  return { near: tryCast(asText, 'double'), exact: whole };
}

/** The widest decimal that the engine has. */
export function exactNumberType(scale: number): string {
  return `decimal(38,${scale})`;
}

export function compareNumbers(
  operator: ComparisonOperator,
  left: DocumentNumber,
  right: DocumentNumber,
): PlanExpression {
  const near = (by: ComparisonOperator) => compare(by, left.near, right.near);
  const exact = (by: ComparisonOperator, otherwise: boolean) =>
    call('coalesce', compare(by, left.exact, right.exact), otherwise ? trueLiteral : not(trueLiteral));
  switch (operator) {
    case 'eq':
      return logic('and', [near('eq'), exact('eq', true)]);
    case 'ne':
      return logic('or', [near('ne'), exact('ne', false)]);
    case 'is_not_distinct':
      return logic('and', [near('is_not_distinct'), exact('eq', true)]);
    case 'is_distinct':
      return logic('or', [near('is_distinct'), exact('ne', false)]);
    case 'lt':
    case 'gt':
      return logic('or', [near(operator), logic('and', [near('eq'), exact(operator, false)])]);
    case 'lte':
    case 'gte':
      return logic('or', [near(operator === 'lte' ? 'lt' : 'gt'), logic('and', [near('eq'), exact(operator, true)])]);
  }
}

/**
 * Least or greatest of the texts of JSON values: by number where every value is one, as it is written, else by text.
 * `aggregate` makes a call of the aggregate with these operands.
 */
export function extremeOf(
  name: 'min' | 'max',
  asText: PlanExpression,
  aggregate: (name: string, ...operands: readonly PlanExpression[]) => PlanExpression,
): PlanExpression {
  const { near, exact } = documentNumber(asText);
  const areNumbers = compare('eq', aggregate('count', near), aggregate('count', asText));
  const written = aggregate(name === 'min' ? 'arg_min' : 'arg_max', asText, { kind: 'row', items: [near, exact] });
  // A text that only the engine reads as a number (+5) is none of JSON.
  const isWhole = call('ends_with', written, text('.0'));
  const shown = choose(isWhole, call('left', written, literal('bigint', -2)), written);
  const asNumber = call('coalesce', tryCast(shown, 'json'), call('to_json', aggregate(name, near)));
  return choose(areNumbers, asNumber, call('to_json', aggregate(name, asText)));
}
