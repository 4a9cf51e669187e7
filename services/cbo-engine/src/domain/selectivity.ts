import type { ComparisonOperator, PlanExpression, PlanParameter } from '@hybridstore/contracts';
import { type ColumnFacts, readPlace } from './column-facts.ts';

/** What a condition may be judged by. A column nobody knows has no facts. */
export type Knowledge = {
  readonly parameters: readonly PlanParameter[];
  readonly column: (relation: string, name: string) => ColumnFacts | undefined;
};

// Defaults of System R and PostgreSQL (selfuncs.h) for what statistics do not say.
const equalDefault = 0.005;
const rangeDefault = 1 / 3;
const betweenDefault = 0.05;
const likeDefault = 0.05;
const nullDefault = 0.05;
const existsDefault = 0.5;
const otherDefault = 0.25;
const smallest = 1e-9;

/** The share of rows that a condition keeps, in (0, 1]. */
export function estimateSelectivity(condition: PlanExpression | undefined, knowledge: Knowledge): number {
  if (condition === undefined) return 1;
  return Math.min(1, Math.max(smallest, judge(condition, knowledge)));
}

function judge(condition: PlanExpression, knowledge: Knowledge): number {
  switch (condition.kind) {
    case 'logic':
      return condition.operator === 'and'
        ? joinConjuncts(condition.operands, knowledge)
        : 1 - product(condition.operands.map((operand) => 1 - estimateSelectivity(operand, knowledge)));
    case 'not':
      return 1 - estimateSelectivity(condition.operand, knowledge);
    case 'comparison':
      return judgeComparison(condition.operator, condition.left, condition.right, knowledge);
    case 'between':
      return negate(judgeBetween(condition, knowledge), condition.negated);
    case 'in':
      return negate(
        Math.min(1, condition.list.length * equalTo(factsOf(condition.value, knowledge))),
        condition.negated,
      );
    case 'is_null':
      return negate(factsOf(condition.value, knowledge)?.nullFraction ?? nullDefault, condition.negated);
    case 'like':
      return negate(likeDefault, condition.negated);
    case 'exists':
    case 'in_query':
      return negate(existsDefault, condition.negated);
    case 'literal':
      return condition.value === true ? 1 : smallest;
    default:
      return otherDefault;
  }
}

/**
 * Conditions are rarely independent: the strictest counts whole, the next with its square root, then the fourth root …
 * (exponential back-off, as in SQL Server since 2014).
 */
function joinConjuncts(conditions: readonly PlanExpression[], knowledge: Knowledge): number {
  const shares = conditions.map((condition) => estimateSelectivity(condition, knowledge)).sort((a, b) => a - b);
  return product(shares.map((share, index) => share ** (1 / 2 ** Math.min(index, 4))));
}

function judgeComparison(
  operator: ComparisonOperator,
  left: PlanExpression,
  right: PlanExpression,
  knowledge: Knowledge,
): number {
  const [leftFacts, rightFacts] = [factsOf(left, knowledge), factsOf(right, knowledge)];
  if (operator === 'eq' || operator === 'is_not_distinct')
    return leftFacts && rightFacts
      ? 1 / Math.max(leftFacts.distinct, rightFacts.distinct)
      : equalTo(leftFacts ?? rightFacts);
  if (operator === 'ne' || operator === 'is_distinct') return 1 - equalTo(leftFacts ?? rightFacts);
  const isMirrored = leftFacts === undefined;
  const place = placeOf(isMirrored ? left : right, knowledge);
  const isBelow = (operator === 'lt' || operator === 'lte') !== isMirrored;
  return shareBelow(leftFacts ?? rightFacts, place, isBelow) ?? rangeDefault;
}

function judgeBetween(condition: Extract<PlanExpression, { kind: 'between' }>, knowledge: Knowledge): number {
  const facts = factsOf(condition.value, knowledge);
  const low = shareBelow(facts, placeOf(condition.low, knowledge), false);
  const high = shareBelow(facts, placeOf(condition.high, knowledge), true);
  return low === undefined || high === undefined ? betweenDefault : Math.max(smallest, low + high - 1);
}

/** The share of values below (or above) a place, when values are spread evenly between the bounds. */
function shareBelow(facts: ColumnFacts | undefined, place: number | undefined, isBelow: boolean): number | undefined {
  if (facts?.min === undefined || facts.max === undefined || place === undefined) return undefined;
  const width = facts.max - facts.min;
  const below = width <= 0 ? (place >= facts.min ? 1 : 0) : Math.min(1, Math.max(0, (place - facts.min) / width));
  return (isBelow ? below : 1 - below) * (1 - facts.nullFraction);
}

function equalTo(facts: ColumnFacts | undefined): number {
  return facts ? (1 - facts.nullFraction) / facts.distinct : equalDefault;
}

/** Facts of a column, seen through casts. */
function factsOf(expression: PlanExpression, knowledge: Knowledge): ColumnFacts | undefined {
  if (expression.kind === 'column') return knowledge.column(expression.relation, expression.name);
  return expression.kind === 'cast' ? factsOf(expression.value, knowledge) : undefined;
}

function placeOf(expression: PlanExpression, knowledge: Knowledge): number | undefined {
  if (expression.kind === 'literal') return readPlace(expression.value);
  if (expression.kind === 'parameter') return readPlace(knowledge.parameters[expression.index]?.value ?? null);
  return expression.kind === 'cast' ? placeOf(expression.value, knowledge) : undefined;
}

function negate(share: number, isNegated: boolean): number {
  return isNegated ? 1 - share : share;
}

function product(shares: readonly number[]): number {
  return shares.reduce((result, share) => result * share, 1);
}
