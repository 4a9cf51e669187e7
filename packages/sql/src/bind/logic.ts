import type { PlanExpression } from '@hybridstore/contracts';
import { compare, isNull, not, trueLiteral } from '@hybridstore/plan';
import { kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { rowInQuery } from './bind-in.ts';
import { type BindSite, bindField } from './bind-site.ts';
import { toCondition } from './conditions.ts';
import { jsonText, type Typed, typed } from './types.ts';

/** Flat, so that a long chain of conditions stays shallow in the plan. */
export function bindLogic({ fields, scope, context }: BindSite, operator: 'and' | 'or'): Typed {
  const operands: PlanExpression[] = [];
  // The parser nests chains to the left; walking down that side needs no recursion.
  let left: SyntaxNode = fields.required('left');
  const rights = [fields.required('right')];
  while (kindOf(left) === operator) {
    const inner = context.fields(left);
    left = inner.required('left');
    rights.push(inner.required('right'));
    inner.finish();
  }
  for (const node of [left, ...rights.reverse()]) {
    const condition = toCondition(context.bind(node, scope), node, context);
    if (condition.kind === 'logic' && condition.operator === operator) operands.push(...condition.operands);
    else operands.push(condition);
  }
  return typed({ kind: 'logic', operator, operands }, 'boolean');
}

export function bindExclusiveOr({ fields, scope, context }: BindSite): Typed {
  const sides = ['this', 'expression'].map((name) => {
    const node = fields.required(name);
    return toCondition(context.bind(node, scope), node, context);
  });
  return typed(compare('ne', sides[0] ?? trueLiteral, sides[1] ?? trueLiteral), 'boolean');
}

export function bindNot({ fields, scope, context }: BindSite): Typed {
  const node = fields.required('this');
  const operand = toCondition(context.bind(node, scope), node, context);
  if (operand.kind === 'in_query' && operand.values.length > 1 && context.dialect !== 'duckdb')
    return rowInQuery({ ...operand, negated: true }, context);
  if ('negated' in operand) return typed({ ...operand, negated: !operand.negated }, 'boolean');
  return typed(not(operand), 'boolean');
}

/** JSON null counts as null in a dotted path: both mean that there is no value. */
export function bindIsNull(site: BindSite): Typed {
  const value = bindField(site, 'this');
  const subject = value.type === 'json' ? jsonText(value) : value.node;
  return typed(isNull(subject, site.fields.flag('not')), 'boolean');
}

export function bindIsBoolean({ fields, scope, context }: BindSite, test: boolean): Typed {
  const node = fields.required('this');
  const value = toCondition(context.bind(node, scope), node, context);
  return typed({ kind: 'is_boolean', value, test, negated: fields.flag('not') }, 'boolean');
}
