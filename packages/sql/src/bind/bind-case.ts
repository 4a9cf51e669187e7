import type { PlanExpression } from '@hybridstore/contracts';
import { compare, literal } from '@hybridstore/plan';
import { type Fields, isNode, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindSite } from './bind-site.ts';
import { meetTyped } from './comparisons.ts';
import { toCondition } from './conditions.ts';
import { mixTyped } from './one-result.ts';
import { type Typed, typed, unify } from './types.ts';

export function bindCase({ fields, scope, context }: BindSite): Typed {
  const operandNode = fields.optional('operand');
  const operand = operandNode ? context.bind(operandNode, scope) : undefined;
  const pairs = readPairs(fields);
  const otherwiseNode = fields.optional('else_');
  const conditions = pairs.map(([when]) => bindWhen(when, operand, { fields, scope, context }));
  const results = pairs.map(([, result]) => context.bind(result, scope));
  const all = otherwiseNode ? [...results, context.bind(otherwiseNode, scope)] : results;
  const { values, type } = unify(mixTyped(all, fields, context));
  const otherwise = otherwiseNode ? values.at(-1)?.node : undefined;
  const branches = conditions.map((when, index) => ({ when, result: values[index]?.node ?? literal('string', null) }));
  if (branches.length === 0) throw fields.refuse('CASE has no WHEN');
  return typed({ kind: 'case', branches, ...(otherwise ? { otherwise } : {}) }, type);
}

type Pair = readonly [when: SyntaxNode, result: SyntaxNode];

function readPairs(fields: Fields): readonly Pair[] {
  const whens = fields.value('whens');
  if (Array.isArray(whens) && whens.every(isPair)) return whens;
  throw fields.refuse('CASE has a WHEN without a value');
}

function isPair(value: unknown): value is Pair {
  return Array.isArray(value) && value.length === 2 && value.every(isNode);
}

/** `CASE x WHEN y` compares; written out as conditions, so that JSON and types follow the same rules as `x = y`. */
function bindWhen(when: SyntaxNode, operand: Typed | undefined, { fields, scope, context }: BindSite): PlanExpression {
  const bound = context.bind(when, scope);
  if (!operand) return toCondition(bound, when, context);
  const [left, right] = unify(meetTyped([operand, bound], fields, context)).values;
  return compare('eq', left?.node ?? operand.node, right?.node ?? bound.node);
}
