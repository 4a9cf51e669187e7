import type { CallNode, PlanExpression } from '@hybridstore/contracts';
import { cast, extremeOf, type PlanFunction } from '@hybridstore/plan';
import { meetTyped } from '../bind/comparisons.ts';
import { meetElement } from '../bind/composites.ts';
import { toCondition } from '../bind/conditions.ts';
import { moment } from '../bind/moment-text.ts';
import { mixTyped, requireExtreme, requireReadable } from '../bind/one-result.ts';
import { isBoundText } from '../bind/parameter-values.ts';
import { bindInnerSortKeys } from '../bind/sort-keys.ts';
import {
  decimalOf,
  exactScale,
  isDecimal,
  isFloating,
  isInteger,
  isTemporal,
  isText,
  jsonText,
  readJsonAs,
  type Typed,
  typed,
  unify,
} from '../bind/types.ts';
import { bindWindow } from '../bind/windows.ts';
import { type CallSite, requirePlain } from './call-site.ts';

/** A function of the table, called with its arguments as they are. */
export function bindKnown(known: PlanFunction, at: CallSite): Typed {
  requireCount(known, at);
  if (known.kind === 'scalar') requirePlain(at, false);
  const read = readBesideEachOther(
    known,
    at.call.operands.map((_, index) => readArgument(known, at.argument(index), at)),
    at,
  );
  const unified =
    known.returns === 'common'
      ? unify(
          known.name === 'coalesce'
            ? mixTyped(read, at.site.fields, at.site.context)
            : at.site.context.meet(read, at.site.fields),
        )
      : { values: read, type: 'unknown' };
  return finishCall(known, unified.values, at, unified.type);
}

/** Functions of a list and of a value that is, or becomes, one of its elements. */
const elementFunctions = new Set(['list_contains', 'list_position', 'list_append']);

/** Texts among arguments that have one type: the default of LAG, an element of a list, what NULLIF compares with a time. */
function readBesideEachOther(known: PlanFunction, values: readonly Typed[], { site }: CallSite): readonly Typed[] {
  const [first, second, third] = values;
  if (elementFunctions.has(known.name) && first && second) return meetElement(first, second, site);
  if (known.name === 'list_prepend' && first && second) return [...meetElement(second, first, site)].reverse();
  if (known.name === 'nullif' && values.some((value) => isTemporal(value.type)))
    return meetTyped(values, site.fields, site.context);
  if (known.name === 'nullif') requireReadable(values, site);
  if (known.name === 'greatest' || known.name === 'least') requireExtreme(values, site);
  if ((known.name !== 'lag' && known.name !== 'lead') || !first || !second || !third) return values;
  const [value = first, otherwise = third] = site.context.meet([first, third], site.fields);
  return [value, second, otherwise];
}

function requireCount(known: PlanFunction, at: CallSite): void {
  if (known.name === 'count' && !at.call.isStar && at.count === 0 && at.site.context.dialect !== 'duckdb')
    throw at.refuse('count takes * or one argument', { expected: '* or one argument' });
  if (at.count >= known.argumentsMin && at.count <= known.argumentsMax) return;
  const range =
    known.argumentsMin === known.argumentsMax
      ? `${known.argumentsMin}`
      : `${known.argumentsMin} to ${known.argumentsMax}`;
  throw at.refuse(`function ${at.call.name} takes ${range} arguments, found ${at.count}`, {
    expected: range,
    actual: at.count,
  });
}

/** The call with its modifiers: DISTINCT, ORDER BY, FILTER, OVER, IGNORE NULLS. */
export function finishCall(known: PlanFunction, values: readonly Typed[], at: CallSite, common = 'unknown'): Typed {
  const { call, site } = at;
  const { scope, context } = site;
  if (known.kind === 'window' && !call.over) throw at.refuse(`${call.name} needs OVER (…)`, { expected: 'OVER' });
  if (known.kind === 'aggregate') requireNumbers(known, values, at);
  const node: CallNode = {
    kind: 'call',
    function: known.name,
    arguments: values.map((value) => value.node),
    ...(call.distinct ? { distinct: true } : {}),
    ...(call.filter ? { filter: toCondition(context.bind(call.filter, scope), call.filter, context) } : {}),
    ...(call.orderBy.length > 0 && !call.isWithinGroup
      ? { orderBy: bindInnerSortKeys(call.orderBy, scope, context) }
      : {}),
    ...(call.nulls ? { nulls: call.nulls } : {}),
    ...(call.over ? { over: bindWindow(call.over, scope, context) } : {}),
  };
  const isOrdered = known.name === 'min' || known.name === 'max';
  if (isOrdered && values[0]?.type === 'json') return extremeOfDocuments(node, values[0]);
  const answer = typed(node, returnType(known, values, common));
  const shownScale = keepsScale.has(known.name) ? values[0]?.shownScale : undefined;
  return shownScale === undefined ? answer : { ...answer, shownScale };
}

/** A quotient is shown in as many digits behind these. */
const keepsScale = new Set([
  'abs',
  'sum',
  'min',
  'max',
  'nullif',
  'lag',
  'lead',
  'first_value',
  'last_value',
  'nth_value',
]);

/** Least or greatest of JSON values: by number where every value is one, else by text. */
function extremeOfDocuments(node: CallNode, value: Typed): Typed {
  const name = node.function === 'min' ? 'min' : 'max';
  const aggregate = (name: string, ...operands: readonly PlanExpression[]): CallNode => ({
    ...node,
    function: name,
    arguments: operands,
  });
  return typed(extremeOf(name, jsonText(value), aggregate), 'json');
}

const numberFunctions = new Set([
  'abs',
  'ceil',
  'floor',
  'round',
  'trunc',
  'sign',
  'sqrt',
  'cbrt',
  'exp',
  'ln',
  'log10',
  'log2',
  'log',
  'pow',
  'sin',
  'cos',
  'tan',
  'cot',
  'asin',
  'acos',
  'atan',
  'atan2',
  'degrees',
  'radians',
  'gcd',
  'lcm',
  'factorial',
  'even',
  'isnan',
  'isinf',
  'isfinite',
  'bit_count',
]);
const numberAggregates = new Set([
  'sum',
  'avg',
  'stddev_samp',
  'stddev_pop',
  'var_samp',
  'var_pop',
  'sem',
  'corr',
  'covar_pop',
  'covar_samp',
  'skewness',
  'kurtosis',
  'product',
  'geomean',
  'fsum',
  'favg',
  'quantile_cont',
  'approx_quantile',
  'mad',
  'regr_slope',
  'regr_intercept',
  'regr_r2',
  'bit_and',
  'bit_or',
  'bit_xor',
]);
const documentFunctions = new Set([
  'count',
  'min',
  'max',
  'to_json',
  'typeof',
  'array_agg',
  'any_value',
  'first',
  'last',
  'mode',
  'hash',
  'approx_count_distinct',
  'arg_min',
  'arg_max',
  'lag',
  'lead',
  'first_value',
  'last_value',
  'nth_value',
  'coalesce',
  'nullif',
  'greatest',
  'least',
  'histogram',
  'list_value',
  'list_contains',
  'list_append',
  'list_position',
]);

/** Functions of times alone, which the engine would read a text for without its offset. */
const momentFunctions = new Set(['age', 'epoch', 'epoch_ms', 'epoch_us', 'julian', 'time_bucket']);

/** JSON takes the type that the function works on; MySQL's conditions count as 0 and 1. */
function readArgument(known: PlanFunction, value: Typed, at: CallSite): Typed {
  const isNumeric = numberFunctions.has(known.name) || numberAggregates.has(known.name) || known.name === 'median';
  if (value.type === 'json') {
    if (isNumeric) return readJsonAs(value, 'double');
    if (known.name.startsWith('json_') || documentFunctions.has(known.name)) return value;
    return typed(jsonText(value), 'string');
  }
  if (momentFunctions.has(known.name) && isText(value.type)) return moment(at.site.context.boundMoment(value));
  if (isNumeric && isBoundText(value)) return at.site.context.parameters.read(value, 'double');
  if (value.type === 'boolean' && isNumeric && at.site.context.dialect !== 'postgresql')
    return typed(cast(value.node, 'integer'), 'integer');
  return value;
}

function requireNumbers(known: PlanFunction, values: readonly Typed[], at: CallSite): void {
  const [first] = values;
  if (!first || !numberAggregates.has(known.name)) return;
  if (isText(first.type) || first.type === 'boolean' || isTemporal(first.type))
    throw at.refuse(`${at.call.name} works on numbers, found ${isText(first.type) ? 'string' : first.type}`, {
      expected: 'a number',
      actual: first.type,
    });
}

/** Behind the point, where it is not known how many there are. */
const numericScale = 10;

function returnType(known: PlanFunction, values: readonly Typed[], common: string): string {
  const first = values[0]?.type ?? 'unknown';
  if (known.name === 'sum')
    return isInteger(first)
      ? 'hugeint'
      : isDecimal(first)
        ? decimalOf(exactScale(first) ?? numericScale)
        : isFloating(first)
          ? 'double'
          : 'unknown';
  if (known.name === 'array_agg')
    return isText(first)
      ? 'string[]'
      : first === 'unknown' || first === 'null' || first === 'struct'
        ? 'list'
        : `${first}[]`;
  if ((known.name === 'ceil' || known.name === 'floor') && isDecimal(first)) return decimalOf(0);
  if (known.name === 'quantile_cont' || known.name === 'median')
    return isInteger(first) || isDecimal(first) ? 'double' : first;
  switch (known.returns) {
    case 'first':
      return isText(first) ? 'string' : first;
    case 'common':
      return common;
    default:
      return known.returns;
  }
}
