import type { ComparisonOperator } from '@hybridstore/contracts';
import { allOf, choose, compare, isNull, tryCast } from '@hybridstore/plan';
import type { Fields } from '../sql/syntax-tree.ts';
import type { Place } from './bind-expression.ts';
import type { BindContext } from './context.ts';
import { isNumber, jsonText, type Typed, typed, unify } from './types.ts';

export function bindComparison({ fields, scope, context }: Place, operator: ComparisonOperator): Typed {
  const sides = ['left', 'right'].map((name) => context.bind(fields.required(name), scope));
  requireComparable(sides, fields, context);
  const [left, right] = sides;
  if (left?.type === 'json' && right?.type === 'json') return compareDocuments(left, right, operator);
  const [first, second] = unify(sides).values;
  if (!first || !second) throw fields.refuse('a comparison has two sides');
  return typed(compare(operator, first.node, second.node), 'boolean');
}

/** Two JSON values are compared as numbers where both are, else as text. */
function compareDocuments(left: Typed, right: Typed, operator: ComparisonOperator): Typed {
  const [leftText, rightText] = [jsonText(left), jsonText(right)];
  const [leftNumber, rightNumber] = [tryCast(leftText, 'double'), tryCast(rightText, 'double')];
  const areNumbers = allOf([isNull(leftNumber, true), isNull(rightNumber, true)]);
  const asText = compare(operator, leftText, rightText);
  return typed(areNumbers ? choose(areNumbers, compare(operator, leftNumber, rightNumber), asText) : asText, 'boolean');
}

/**
 * Text of a column beside a number: MySQL reads any text as some number (`'abc' = 0`), PostgreSQL refuses, DuckDB fails at
 * the first row that does not convert. So it is refused where the dialect has no good meaning for it.
 */
export function requireComparable(values: readonly Typed[], fields: Fields, context: BindContext): void {
  if (!context.options.isStrict || context.dialect === 'duckdb') return;
  const hasText = values.some((value) => value.type === 'string');
  const hasNumber = values.some((value) => isNumber(value.type));
  if (hasText && hasNumber)
    throw fields.refuse('a text is compared with a number; cast one of them', { expected: 'two values of one type' });
}
