import type { ComparisonOperator, PlanExpression, PlanParameter } from '@hybridstore/contracts';
import { type ColumnStatistics, readPosition } from './column-statistics.ts';

/** What a condition is estimated from: the values of parameters, and the statistics of columns where there are some. */
export type ConditionContext = {
  readonly parameters: readonly PlanParameter[];
  readonly column: (relation: string, name: string) => ColumnStatistics | undefined;
};

// For what statistics do not say. PostgreSQL's (selfuncs.h): DEFAULT_EQ_SEL, DEFAULT_INEQ_SEL.
const equalDefault = 0.005;
const rangeDefault = 1 / 3;
// Ours: a range with two ends, a pattern and a test for null keep few rows; a subquery or a call may keep anything.
const betweenDefault = 0.05;
const likeDefault = 0.05;
const nullDefault = 0.05;
const existsDefault = 0.5;
const otherDefault = 0.25;
/** Never 0: a plan above a condition that keeps nothing would cost nothing, in whatever order. */
const smallest = 1e-9;

/**
 * The share of rows that a condition keeps, in (0, 1].
 *
 * A column of 0 to 200 with 100 distinct values and a fifth of nulls:
 * ```text
 * a = 7                  (1 - 0.2) / 100               = 0.008   values are taken as equally frequent
 * a IN (1, 2, 3)         3 x 0.008                     = 0.024
 * a < 50                 (50 - 0) / (200 - 0) x 0.8    = 0.2     and as evenly spread between the bounds
 * a IS NULL                                            = 0.2
 * a < 50 OR a >= 150     1 - (1 - 0.2) x (1 - 0.2)     = 0.36    OR takes its operands as independent
 * a < 50 AND b = 7       0.008 x sqrt(0.2)             = 0.0036  AND does not, see `joinConjuncts`
 * ```
 * Equality, range and OR are those of System R (Selinger et al., SIGMOD 1979). Left out on purpose: histograms and
 * most common values, which the catalog does not keep; texts, whose bounds have no distance.
 */
export function estimateSelectivity(condition: PlanExpression | undefined, context: ConditionContext): number {
  if (condition === undefined) return 1;
  return Math.min(1, Math.max(smallest, shareOf(condition, context)));
}

function shareOf(condition: PlanExpression, context: ConditionContext): number {
  switch (condition.kind) {
    case 'logic':
      return condition.operator === 'and'
        ? joinConjuncts(condition.operands, context)
        : 1 - product(condition.operands.map((operand) => 1 - estimateSelectivity(operand, context)));
    case 'not':
      return 1 - estimateSelectivity(condition.operand, context);
    case 'comparison':
      return comparisonShare(condition.operator, condition.left, condition.right, context);
    case 'between':
      return negate(betweenShare(condition, context), condition.negated);
    case 'in':
      return negate(
        Math.min(1, condition.list.length * equalTo(columnOf(condition.value, context))),
        condition.negated,
      );
    case 'is_null':
      return negate(columnOf(condition.value, context)?.nullFraction ?? nullDefault, condition.negated);
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
 * Conditions of one query are rarely independent (a city and its country): a plain product would expect far too few rows.
 * The strictest counts whole, the next with its square root, then the fourth root … (exponential back-off, as in SQL
 * Server since 2014); from the fifth on the sixteenth root.
 */
function joinConjuncts(conditions: readonly PlanExpression[], context: ConditionContext): number {
  const shares = conditions.map((condition) => estimateSelectivity(condition, context)).sort((a, b) => a - b);
  return product(shares.map((share, index) => share ** (1 / 2 ** Math.min(index, 4))));
}

function comparisonShare(
  operator: ComparisonOperator,
  left: PlanExpression,
  right: PlanExpression,
  context: ConditionContext,
): number {
  const [leftColumn, rightColumn] = [columnOf(left, context), columnOf(right, context)];
  if (operator === 'eq' || operator === 'is_not_distinct')
    return leftColumn && rightColumn
      ? 1 / Math.max(leftColumn.distinct, rightColumn.distinct)
      : equalTo(leftColumn ?? rightColumn);
  if (operator === 'ne' || operator === 'is_distinct') return 1 - equalTo(leftColumn ?? rightColumn);
  const isMirrored = leftColumn === undefined;
  const position = positionOf(isMirrored ? left : right, context);
  const isBelow = (operator === 'lt' || operator === 'lte') !== isMirrored;
  return shareBelow(leftColumn ?? rightColumn, position, isBelow) ?? rangeDefault;
}

function betweenShare(condition: Extract<PlanExpression, { kind: 'between' }>, context: ConditionContext): number {
  const column = columnOf(condition.value, context);
  const low = shareBelow(column, positionOf(condition.low, context), false);
  const high = shareBelow(column, positionOf(condition.high, context), true);
  return low === undefined || high === undefined ? betweenDefault : Math.max(smallest, low + high - 1);
}

/** The share of values below (or above) a position, when values are spread evenly between the bounds. */
function shareBelow(
  column: ColumnStatistics | undefined,
  position: number | undefined,
  isBelow: boolean,
): number | undefined {
  if (column?.min === undefined || column.max === undefined || position === undefined) return undefined;
  const width = column.max - column.min;
  const below =
    width <= 0 ? (position >= column.min ? 1 : 0) : Math.min(1, Math.max(0, (position - column.min) / width));
  return (isBelow ? below : 1 - below) * (1 - column.nullFraction);
}

function equalTo(column: ColumnStatistics | undefined): number {
  return column ? (1 - column.nullFraction) / column.distinct : equalDefault;
}

/** Statistics of a column, seen through casts. */
function columnOf(expression: PlanExpression, context: ConditionContext): ColumnStatistics | undefined {
  if (expression.kind === 'column') return context.column(expression.relation, expression.name);
  return expression.kind === 'cast' ? columnOf(expression.value, context) : undefined;
}

function positionOf(expression: PlanExpression, context: ConditionContext): number | undefined {
  if (expression.kind === 'literal') return readPosition(expression.value);
  if (expression.kind === 'parameter') return readPosition(context.parameters[expression.index]?.value ?? null);
  return expression.kind === 'cast' ? positionOf(expression.value, context) : undefined;
}

function negate(share: number, isNegated: boolean): number {
  return isNegated ? 1 - share : share;
}

function product(shares: readonly number[]): number {
  return shares.reduce((result, share) => result * share, 1);
}
