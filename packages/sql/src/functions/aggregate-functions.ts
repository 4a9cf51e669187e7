import type { CallNode, PlanExpression } from '@hybridstore/contracts';
import { allOf, arithmetic, call, cast, choose, functionNamed, isNull, literal, text } from '@hybridstore/plan';
import { toNumber } from '../bind/arithmetic.ts';
import { exactQuotient, numericQuotient } from '../bind/quotients.ts';
import { sameExpression } from '../bind/scope.ts';
import { bindInnerSortKeys } from '../bind/sort-keys.ts';
import {
  dialectText,
  exactScale,
  isDecimal,
  isNumber,
  isText,
  jsonText,
  readJsonAs,
  type Typed,
  textOf,
  typed,
} from '../bind/types.ts';
import { allBits, unsignedBits } from '../bind/unsigned-bits.ts';
import { Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { CallSite, Translators } from './call-site.ts';
import { finishCall } from './known-functions.ts';

/**
 * Aggregates whose arguments the dialects write in other places, or whose nulls they count otherwise:
 *
 *     MySQL       COUNT(DISTINCT a, b)                          leaves out rows with a null among them
 *     PostgreSQL  count(DISTINCT (a, b))                        counts them: a row is a value
 *     all         percentile_cont(p) WITHIN GROUP (ORDER BY x)  quantile_cont(x, p); descending, 1 - p
 *     MySQL       GROUP_CONCAT(x SEPARATOR ';')                 string_agg(x, ';')
 *
 * Left out: joining DISTINCT values by the order of something else than themselves, which the engine has no order for.
 */
export const aggregateTranslators: Translators = {
  all: {
    count,
    string_agg: (at) => joined(at, ','),
    percentile_cont: (at) => percentile('quantile_cont', at),
    percentile_disc: (at) => percentile('quantile_disc', at),
    mode,
    listagg: (at) => joined(at, ''),
  },
  mysql: {
    group_concat: (at) => joined(at, ','),
    avg: average,
    bit_and: (at) => ofBits('bit_and', allBits, at),
    bit_or: (at) => ofBits('bit_or', noBits, at),
    bit_xor: (at) => ofBits('bit_xor', noBits, at),
  },
  duckdb: { group_concat: (at) => joined(at, ','), listagg: (at) => joined(at, ',') },
  postgresql: { string_agg: (at) => joined(at, undefined), avg: numericAverage },
};

/** MySQL's average of exact numbers is a quotient, in as many digits as any. */
function average(at: CallSite): Typed {
  const value = at.argument(0);
  const number = value.type === 'boolean' || value.bits !== undefined ? toNumber(value, at.site) : value;
  if (exactScale(number.type) === undefined) return finishCall(known('avg', at), [numeric(value, at)], at);
  const sum = finishCall(known('sum', at), [number], at);
  const quotient = exactQuotient(sum, finishCall(known('count', at), [number], at));
  return quotient ?? finishCall(known('avg', at), [value], at);
}

/** PostgreSQL's average of exact numbers is one; of longs, a double, for their sum has more digits than a quotient here. */
function numericAverage(at: CallSite): Typed {
  const value = at.argument(0);
  const isExact = isDecimal(value.type) || value.type === 'integer' || value.type === 'smallint';
  if (!isExact) return finishCall(known('avg', at), [numeric(value, at)], at);
  const quotient = numericQuotient(
    finishCall(known('sum', at), [value], at),
    finishCall(known('count', at), [value], at),
  );
  return quotient ?? finishCall(known('avg', at), [value], at);
}

/** Documents as numbers; a bound text as one. */
function numeric(value: Typed, at: CallSite): Typed {
  return readJsonAs(at.site.context.parameters.read(value, 'double'), 'double');
}

const noBits = cast(literal('bigint', 0), 'ubigint');

/** MySQL's bits have no sign, and of nothing there are all of them for AND and none for OR. */
function ofBits(name: string, ofNothing: PlanExpression, at: CallSite): Typed {
  const bits = typed(unsignedBits(toNumber(at.argument(0), at.site)), 'ubigint');
  return typed(call('coalesce', finishCall(known(name, at), [bits], at).node, ofNothing), 'ubigint');
}

function known(name: string, at: CallSite) {
  const found = functionNamed(name);
  if (!found) throw at.refuse(`function ${name} does not exist`);
  return found;
}

/** COUNT(DISTINCT a, b) of MySQL leaves out rows where either is null; in PostgreSQL (a, b) is a value, whatever is in it. */
function count(at: CallSite): Typed {
  const node = at.node(0);
  const aggregate = known('count', at);
  if (at.call.isStar || !node) {
    if (!at.call.isStar && at.site.context.dialect !== 'duckdb')
      throw at.refuse('COUNT takes * or a value', { expected: '* or a value' });
    return finishCall(aggregate, [], at);
  }
  if (at.count > 1) throw at.refuse('COUNT takes * or one value', { expected: 1, actual: at.count });
  if (kindOf(node) !== 'tuple' || !at.call.distinct)
    return finishCall(aggregate, [countable(at.argument(0), at.call.distinct)], at);
  const items = at.site.context
    .fields(node)
    .list('expressions')
    .map((item) => at.site.context.bind(item, at.site.scope).node);
  const present = at.site.context.dialect === 'postgresql' ? undefined : allOf(items.map((item) => isNull(item, true)));
  const row: PlanExpression = { kind: 'row', items };
  return finishCall(aggregate, [typed(present ? choose(present, row) : row, 'struct')], at);
}

/** A JSON null is no value. Values of JSON that differ in their kind, such as 1 and "1", differ. */
function countable(value: Typed, isDistinct: boolean): Typed {
  if (value.type !== 'json') return value;
  const asText = jsonText(value);
  return isDistinct ? typed(choose(isNull(asText, true), value.node), 'json') : typed(asText, 'string');
}

/** Texts joined by a separator. In DISTINCT the sorting key must be the text itself, as in the engine. */
function joined(at: CallSite, separatorDefault: string | undefined): Typed {
  const given = at.count > 1 ? textOf(at.argument(1)) : undefined;
  if (!given && separatorDefault === undefined)
    throw at.refuse(`${at.call.name} takes a separator`, { expected: 2, actual: at.count });
  const separator = given ?? text(separatorDefault ?? ',');
  if (at.call.distinct && at.call.orderBy.length > 0 && !isText(at.argument(0).type))
    return joinedSorted(at, separator);
  const values = [typed(dialectText(at.argument(0), at.site.context.dialect), 'string'), typed(separator, 'string')];
  const plain = at.call.isWithinGroup ? { ...at, call: { ...at.call, isWithinGroup: false } } : at;
  return finishCall(known('string_agg', at), values, plain);
}

/** Distinct numbers or dates in their own order: collected and sorted first, made text afterwards. */
function joinedSorted(at: CallSite, separator: PlanExpression): Typed {
  const value = at.argument(0);
  const [key, more] = bindInnerSortKeys(at.call.orderBy, at.site.scope, at.site.context);
  if (!key || more || !sameExpression(key.value, value.node) || at.call.over)
    throw at.refuse(`${at.call.name}(DISTINCT x ORDER BY y) takes x itself as its sorting key`, {
      expected: 'the same expression',
    });
  const list: CallSite = { ...at, call: { ...at.call, orderBy: [], isWithinGroup: false } };
  const collected = finishCall(known('array_agg', at), [value], list);
  const present: PlanExpression =
    collected.node.kind === 'call' ? withoutNulls(collected.node, value.node) : collected.node;
  const sorted = call(key.direction === 'desc' ? 'list_reverse_sort' : 'list_sort', present);
  return typed(call('array_to_string', cast(sorted, 'string[]'), separator), 'string');
}

function withoutNulls(aggregate: CallNode, value: PlanExpression): PlanExpression {
  const filter = allOf([aggregate.filter, isNull(value, true)]);
  return { ...aggregate, ...(filter ? { filter } : {}) };
}

/** PERCENTILE_CONT(p) WITHIN GROUP (ORDER BY x [DESC]); descending order mirrors p. */
function percentile(name: string, at: CallSite): Typed {
  const [key, more] = at.call.orderBy;
  if (!at.call.isWithinGroup || !key || more || at.count !== 1)
    throw at.refuse(`${at.call.name} is written ${at.call.name}(p) WITHIN GROUP (ORDER BY x)`, {
      expected: 'WITHIN GROUP',
    });
  const [sorted] = bindInnerSortKeys([key], at.site.scope, at.site.context);
  const fraction = at.argument(0);
  if (!sorted || !isNumber(fraction.type))
    throw at.refuse(`${at.call.name} takes a number between 0 and 1`, { expected: 'a number' });
  const share =
    sorted.direction === 'desc' ? arithmetic('subtract', literal('bigint', 1), fraction.node) : fraction.node;
  const value = sortedValue(key, at);
  // The engine would round between two decimals to their own digits; the standard's answer is a double.
  const isDouble = isDecimal(value.type) && name === 'quantile_cont' && at.site.context.dialect !== 'duckdb';
  const subject = isDouble ? typed(cast(sorted.value, 'double'), 'double') : typed(sorted.value, value.type);
  return finishCall(known(name, at), [subject, typed(share, 'double')], at);
}

/** What WITHIN GROUP sorts by. */
function sortedValue(key: SyntaxNode, at: CallSite): Typed {
  const fields = Fields.of(key, 'ordered', at.site.context.text);
  const value = at.site.context.bind(fields.required('this'), at.site.scope);
  fields.ignore('desc', 'a percentile has read it; to a mode it matters only among values that are equally frequent');
  fields.ignore('nulls_first', 'nulls do not count here');
  fields.finish();
  return value;
}

function mode(at: CallSite): Typed {
  const [key, more] = at.call.orderBy;
  if (!at.call.isWithinGroup || !key) return finishCall(known('mode', at), [at.argument(0)], at);
  if (more || at.count > 0) throw at.refuse('mode is written mode() WITHIN GROUP (ORDER BY x)');
  const value = sortedValue(key, at);
  return finishCall(known('mode', at), [value], at);
}
