import type { LiteralNode, LogicalPlan, PlanExpression } from '@hybridstore/contracts';
import { literal, trueLiteral } from '../nodes.ts';
import { PlanTransformer } from '../plan-transformer.ts';

/** Results stay within int32, where the engine would have computed them without an overflow. */
const wholeMax = 2_147_483_647;
const falseLiteral = literal('boolean', false);

/** Evaluates what is constant: whole numbers, comparisons of constants, AND, OR, NOT and CASE over true and false. */
export function foldConstants(plan: LogicalPlan): LogicalPlan {
  return new ConstantFolder().plan(plan);
}

class ConstantFolder extends PlanTransformer {
  override expression(node: PlanExpression): PlanExpression {
    const folded = super.expression(node);
    switch (folded.kind) {
      case 'logic':
        return foldLogic(folded);
      case 'not':
        return isBoolean(folded.operand) ? literal('boolean', folded.operand.value !== true) : folded;
      case 'arithmetic':
        return foldArithmetic(folded);
      case 'comparison':
        return foldComparison(folded);
      case 'case':
        return foldCase(folded);
      default:
        return folded;
    }
  }
}

type Known = LiteralNode & { readonly value: boolean };

function isBoolean(node: PlanExpression): node is Known {
  return node.kind === 'literal' && typeof node.value === 'boolean';
}

function isWhole(node: PlanExpression): node is LiteralNode & { readonly value: number } {
  return (
    node.kind === 'literal' &&
    typeof node.value === 'number' &&
    Number.isInteger(node.value) &&
    ['integer', 'bigint'].includes(node.type)
  );
}

/** FALSE decides an AND even beside null, TRUE an OR; the other value says nothing. */
function foldLogic(node: Extract<PlanExpression, { kind: 'logic' }>): PlanExpression {
  const deciding = node.operator === 'or';
  if (node.operands.some((operand) => isBoolean(operand) && operand.value === deciding))
    return literal('boolean', deciding);
  const rest = node.operands.filter((operand) => !isBoolean(operand));
  const [only] = rest;
  if (rest.length === 0) return literal('boolean', !deciding);
  return rest.length === 1 && only && isCondition(only) ? only : { ...node, operands: rest };
}

/** AND turns any value into a boolean; a lone operand must be one already. */
function isCondition(node: PlanExpression): boolean {
  return [
    'comparison',
    'logic',
    'not',
    'between',
    'in',
    'in_query',
    'exists',
    'is_null',
    'is_boolean',
    'like',
    'quantified',
  ].includes(node.kind);
}

function foldArithmetic(node: Extract<PlanExpression, { kind: 'arithmetic' }>): PlanExpression {
  const operate = {
    add: (a: number, b: number) => a + b,
    subtract: (a: number, b: number) => a - b,
    multiply: (a: number, b: number) => a * b,
  };
  if (node.operator !== 'add' && node.operator !== 'subtract' && node.operator !== 'multiply') return node;
  const [first, ...rest] = node.operands;
  if (!first || !isWhole(first) || !rest.every(isWhole)) return node;
  const apply = operate[node.operator];
  let result = first.value;
  for (const operand of rest) {
    result = apply(result, operand.value);
    if (Math.abs(result) > wholeMax) return node;
  }
  return literal('bigint', result);
}

function foldComparison(node: Extract<PlanExpression, { kind: 'comparison' }>): PlanExpression {
  const { left, right, operator } = node;
  if (!isWhole(left) || !isWhole(right)) return node;
  const [a, b] = [left.value, right.value];
  const results = {
    eq: a === b,
    ne: a !== b,
    lt: a < b,
    lte: a <= b,
    gt: a > b,
    gte: a >= b,
    is_distinct: a !== b,
    is_not_distinct: a === b,
  };
  return results[operator] ? trueLiteral : falseLiteral;
}

function foldCase(node: Extract<PlanExpression, { kind: 'case' }>): PlanExpression {
  if (node.operand) return node;
  const branches = node.branches.filter(({ when }) => !(isBoolean(when) && !when.value));
  const [first] = branches;
  // A branch that is left out had a part in the type of the result, so only whole cases are replaced.
  if (first && isBoolean(first.when) && first.when.value && node.branches.length === 1)
    return node.otherwise ? node : first.result;
  return node;
}
