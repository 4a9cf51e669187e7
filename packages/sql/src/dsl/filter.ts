import {
  type ComparisonOperator,
  type Condition,
  conditionsMax,
  dslDepthMax,
  type Filter,
  HybridStoreError,
  type PlanExpression,
} from '@hybridstore/contracts';
import type { ParameterList } from '@hybridstore/plan';
import { allOf, call, choose, compare, isNull, likePattern, logic, not, text, trueLiteral } from '@hybridstore/plan';
import type { Field } from './field.ts';
import { type DslScalar, typedValue } from './value.ts';

export type FilterContext = {
  readonly resolve: (path: string) => Field;
  readonly parameters: ParameterList;
  readonly depthMax?: number;
};

/** AND of all filters. Comparisons with null follow SQL: a row without the value matches neither `eq` nor `ne`. */
export function compileFilters(filters: readonly Filter[], context: FilterContext): PlanExpression | undefined {
  const counter = { left: conditionsMax };
  return allOf(filters.map((filter) => compileFilter(filter, context, { depth: 1, counter })));
}

/** How deep a filter stands, and how many conditions the whole request may still hold. */
type FilterBudget = { readonly depth: number; readonly counter: { left: number } };

function compileFilter(filter: Filter, context: FilterContext, budget: FilterBudget): PlanExpression {
  const depthMax = Math.min(context.depthMax ?? dslDepthMax, dslDepthMax);
  if (budget.depth > depthMax)
    throw new HybridStoreError('invalid_request', `filter: nested deeper than ${depthMax} levels`, {
      field: 'filter',
      expected: `at most ${depthMax} levels`,
    });
  const inner = { depth: budget.depth + 1, counter: budget.counter };
  if ('and' in filter)
    return logic(
      'and',
      filter.and.map((item) => compileFilter(item, context, inner)),
    );
  if ('or' in filter)
    return logic(
      'or',
      filter.or.map((item) => compileFilter(item, context, inner)),
    );
  if ('not' in filter) return not(compileFilter(filter.not, context, inner));
  budget.counter.left -= 1;
  if (budget.counter.left < 0)
    throw new HybridStoreError('invalid_request', `filter: more than ${conditionsMax} conditions`, {
      field: 'filter',
      expected: `at most ${conditionsMax}`,
    });
  return compileCondition(filter, context);
}

const comparisons: Partial<Record<Condition['operator'], ComparisonOperator>> = {
  eq: 'eq',
  ne: 'ne',
  gt: 'gt',
  gte: 'gte',
  lt: 'lt',
  lte: 'lte',
};

function compileCondition(condition: Condition, context: FilterContext): PlanExpression {
  if (condition.field === '*') throw wrong(condition, 'a field name', '*');
  const field = context.resolve(condition.field);
  const comparison = comparisons[condition.operator];
  if (comparison) return compareWith(comparison, field, condition, context);
  switch (condition.operator) {
    case 'in':
    case 'not_in':
      return compileIn(field, condition, context);
    case 'between':
      return compileBetween(field, condition, context);
    case 'is_null':
      return presence(field, condition, true);
    case 'exists':
      return presence(field, condition, false);
    default:
      return compileText(field, condition, context);
  }
}

function compareWith(
  operator: ComparisonOperator,
  field: Field,
  condition: Condition,
  context: FilterContext,
): PlanExpression {
  if (condition.value === null) {
    if (operator === 'eq' || operator === 'ne') return isNull(bare(field), operator === 'ne');
    throw wrong(condition, 'a value that has an order', 'null');
  }
  const value = scalar(condition, condition.value);
  return compare(operator, operand(field, value), bind(field, value, context.parameters));
}

function compileIn(field: Field, condition: Condition, context: FilterContext): PlanExpression {
  if (!Array.isArray(condition.value)) throw wrong(condition, 'a list', condition.value);
  const negated = condition.operator === 'not_in';
  const values = condition.value.filter((item) => item !== null);
  const groups = Map.groupBy(values, (item) => typeof item === 'number');
  const parts = [...groups.values()].map((group): PlanExpression => {
    const list = group.map((item) => bind(field, item, context.parameters));
    return { kind: 'in', value: operand(field, group[0] ?? ''), list, negated };
  });
  if (values.length < condition.value.length) parts.push(isNull(bare(field), negated));
  if (parts.length === 0) return negated ? trueLiteral : not(trueLiteral);
  return logic(negated ? 'and' : 'or', parts);
}

function compileBetween(field: Field, condition: Condition, context: FilterContext): PlanExpression {
  const range = condition.value;
  if (!Array.isArray(range) || range.length !== 2) throw wrong(condition, 'a list of two values', range);
  const [low, high] = range.map((item) => scalar(condition, item));
  if (low === undefined || high === undefined || typeof low !== typeof high)
    throw wrong(condition, 'two values of one type', range);
  return {
    kind: 'between',
    value: operand(field, low),
    low: bind(field, low, context.parameters),
    high: bind(field, high, context.parameters),
    negated: false,
  };
}

function presence(field: Field, condition: Condition, wantsNull: boolean): PlanExpression {
  const value = condition.value ?? true;
  if (typeof value !== 'boolean') throw wrong(condition, 'true or false', value);
  // A path that holds JSON null exists and is null.
  const subject = !wantsNull && field.kind === 'document' ? field.jsonType : bare(field);
  return isNull(subject, wantsNull !== value);
}

function compileText(field: Field, condition: Condition, context: FilterContext): PlanExpression {
  const { operator, value } = condition;
  if (operator === 'contains' && field.kind === 'document') return containsInDocument(field, condition, context);
  if (typeof value !== 'string') throw wrong(condition, 'a text', value);
  if (field.kind === 'typed' && field.type !== 'string')
    throw new HybridStoreError(
      'invalid_request',
      `field ${field.path}: ${operator} needs a string column, found ${field.type}`,
      {
        field: field.path,
        expected: 'string',
        actual: field.type,
      },
    );
  const parameter = context.parameters.add('string', value);
  const subject = field.kind === 'typed' ? field.value : field.text;
  switch (operator) {
    case 'like':
    case 'not_like':
      return likePattern(subject, parameter, {
        caseInsensitive: false,
        negated: operator === 'not_like',
        knownPattern: value,
      });
    case 'regex':
      return call('regexp_matches', subject, parameter);
    case 'starts_with':
      return call('starts_with', subject, parameter);
    default:
      return call('contains', subject, parameter);
  }
}

/** In an array: one of its items equals the value; otherwise the text holds it. */
function containsInDocument(field: Extract<Field, { kind: 'document' }>, condition: Condition, context: FilterContext) {
  const value = scalar(condition, condition.value);
  const item = context.parameters.add('json', JSON.stringify(value));
  const inArray = call('json_contains', field.json, item);
  const inText = call('contains', field.text, context.parameters.add('string', String(value)));
  return choose(compare('eq', field.jsonType, text('ARRAY')), inArray, inText);
}

function bare(field: Field): PlanExpression {
  return field.kind === 'typed' ? field.value : field.text;
}

function operand(field: Field, value: DslScalar): PlanExpression {
  if (field.kind === 'typed') return field.value;
  return typeof value === 'number' ? field.number : field.text;
}

function bind(field: Field, value: DslScalar, parameters: ParameterList): PlanExpression {
  if (field.kind === 'typed') return typedValue(value, field, parameters);
  return typeof value === 'number' ? parameters.add('double', value) : parameters.add('string', String(value));
}

function scalar(condition: Condition, value: unknown): DslScalar {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw wrong(condition, 'a text, a number or a boolean', value);
}

function wrong(condition: Condition, expected: string, actual: unknown): HybridStoreError {
  const found = actual === undefined ? 'nothing' : JSON.stringify(actual).slice(0, 100);
  return new HybridStoreError(
    'invalid_request',
    `field ${condition.field}: ${condition.operator} expects ${expected}, found ${found}`,
    {
      field: condition.field,
      operator: condition.operator,
      expected,
    },
  );
}
