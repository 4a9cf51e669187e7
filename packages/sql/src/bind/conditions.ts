import type { PlanExpression } from '@hybridstore/contracts';
import { compare, integer } from '@hybridstore/plan';
import type { SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindContext } from './context.ts';
import { leadingNumber } from './mysql-casts.ts';
import { isBoundText } from './parameter-values.ts';
import { isNumber, isTemporal, isText, readJsonAs, shownType, type Typed } from './types.ts';

/**
 * A value where a condition is expected. MySQL takes a number other than 0 as true; PostgreSQL refuses numbers. Text is
 * refused in both: in MySQL it is nearly always `||` meant to join texts, which means OR there.
 */
export function toCondition(value: Typed, node: SyntaxNode, context: BindContext): PlanExpression {
  if (value.type === 'json') return readJsonAs(value, 'boolean').node;
  if (isNumber(value.type) && context.dialect === 'mysql') return compare('ne', value.node, integer(0));
  if (isText(value.type) && context.dialect === 'mysql' && !context.options.isStrict && !isBoundText(value))
    return compare('ne', leadingNumber(value.node, context), integer(0));
  if (isTemporal(value.type) || value.type === 'time' || value.type === 'interval')
    throw context.fields(node).refuse(`expected a condition, found a value of type ${shownType(value.type)}`, {
      expected: 'boolean',
      actual: shownType(value.type),
    });
  const isWrong =
    value.type === 'string' || value.type === 'literal' || (isNumber(value.type) && context.dialect === 'postgresql');
  if (isBoundText(value)) return context.parameters.read(value, 'boolean').node;
  if (!isWrong || (context.dialect === 'duckdb' && value.type !== 'string') || !context.options.isStrict)
    return value.node;
  const hint = context.dialect === 'mysql' ? '; || means OR in MySQL, CONCAT() joins texts' : '';
  throw context
    .fields(node)
    .refuse(`expected a condition, found a value of type ${value.type === 'literal' ? 'string' : value.type}${hint}`, {
      expected: 'boolean',
      actual: value.type,
    });
}
