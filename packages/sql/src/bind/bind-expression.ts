import type { PlanExpression, PlanQuery, SelectBody } from '@hybridstore/contracts';
import { call, cast, column, compare, isNull, likePattern, literal, logic, not, trueLiteral } from '@hybridstore/plan';
import { bindCall } from '../functions/bind-call.ts';
import { bindExtract } from '../functions/date-functions.ts';
import { type Fields, kindOf, type SyntaxNode, words } from '../syntax/syntax-tree.ts';
import { arithmetic, bitwise, divide, modulo } from './arithmetic.ts';
import { bindColumn, bindDot, bindJsonArrow, bindSubscript } from './columns.ts';
import { bindComparison, compareRows, requireComparable, rowItems } from './comparisons.ts';
import { toCondition } from './conditions.ts';
import type { BindContext } from './context.ts';
import { bindCast, bindInterval, bindLiteral, bindParameter } from './literals.ts';
import type { Scope } from './scope.ts';
import { isText, jsonText, readJsonAs, type Typed, typed, unify } from './types.ts';

/** What a step of binding gets: the fields of its node, the scope, the statement's context. */
export type Place = { readonly fields: Fields; readonly scope: Scope; readonly context: BindContext };
type Binder = (place: Place) => Typed;

/** An expression with its names resolved and its dialect's meaning spelled out. */
export function bindExpression(node: SyntaxNode, scope: Scope, context: BindContext): Typed {
  const fields = context.fields(node);
  const binder = binders[fields.kind] ?? bindCall;
  const bound = binder({ fields, scope, context });
  fields.finish();
  return bound;
}

const field = (place: Place, name: string): Typed => place.context.bind(place.fields.required(name), place.scope);

const binders: Readonly<Record<string, Binder>> = {
  column: bindColumn,
  dot: bindDot,
  subscript: bindSubscript,
  json_extract: (place) => bindJsonArrow(place, 'json'),
  json_extract_scalar: (place) => bindJsonArrow(place, 'text'),
  json_value: (place) => bindJsonArrow(place, 'text'),
  json_extract_path: (place) => bindJsonArrow(place, 'json'),
  literal: bindLiteral,
  boolean: ({ fields }) => typed(literal('boolean', fields.flag('value')), 'boolean'),
  null: () => typed(literal('string', null), 'null'),
  parameter: bindParameter,
  placeholder: ({ fields }) => {
    throw fields.refuse('this parameter has no number');
  },
  interval: bindInterval,
  cast: (place) => bindCast(place, false),
  try_cast: (place) => bindCast(place, true),
  paren: (place) => field(place, 'this'),
  annotated: (place) => field(place, 'this'),
  and: (place) => bindLogic(place, 'and'),
  or: (place) => bindLogic(place, 'or'),
  xor: bindExclusiveOr,
  not: (place) => bindNot(place),
  eq: (place) => bindComparison(place, 'eq'),
  neq: (place) => bindComparison(place, 'ne'),
  lt: (place) => bindComparison(place, 'lt'),
  lte: (place) => bindComparison(place, 'lte'),
  gt: (place) => bindComparison(place, 'gt'),
  gte: (place) => bindComparison(place, 'gte'),
  null_safe_eq: (place) => bindComparison(place, 'is_not_distinct'),
  null_safe_neq: (place) => bindComparison(place, 'is_distinct'),
  add: (place) => arithmetic(place, 'add'),
  sub: (place) => arithmetic(place, 'subtract'),
  mul: (place) => arithmetic(place, 'multiply'),
  div: (place) => divide(place),
  int_div: (place) => divide(place, 'integer'),
  mod: modulo,
  mod_func: modulo,
  neg: bindNegation,
  power: (place) => bitwise(place, 'power'),
  bitwise_and: (place) => bitwise(place, 'bit_and'),
  bitwise_or: (place) => bitwise(place, 'bit_or'),
  bitwise_xor: (place) => bitwise(place, 'bit_xor'),
  bitwise_left_shift: (place) => bitwise(place, 'shift_left'),
  bitwise_right_shift: (place) => bitwise(place, 'shift_right'),
  bitwise_not: (place) =>
    typed({ kind: 'arithmetic', operator: 'bit_not', operands: [field(place, 'this').node] }, 'bigint'),
  concat: bindConcat,
  between: bindBetween,
  in: bindIn,
  is_null: (place) => bindIsNull(place),
  is_true: (place) => bindIsBoolean(place, true),
  is_false: (place) => bindIsBoolean(place, false),
  like: (place) => bindLike(place, false),
  i_like: (place) => bindLike(place, true),
  regexp_like: (place) => bindRegex(place, false),
  regexp_i_like: (place) => bindRegex(place, true),
  extract: bindExtract,
  case: bindCase,
  exists: bindExists,
  subquery: bindScalarSubquery,
  any: (place) => bindQuantified(place, 'any'),
  all: (place) => bindQuantified(place, 'all'),
  array_func: bindArray,
  tuple: bindTuple,
  map_func: bindStruct,
  collation: bindCollation,
};

/** Flat, so that a long chain of conditions stays shallow in the plan. */
function bindLogic({ fields, scope, context }: Place, operator: 'and' | 'or'): Typed {
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

function bindExclusiveOr({ fields, scope, context }: Place): Typed {
  const sides = ['this', 'expression'].map((name) => {
    const node = fields.required(name);
    return toCondition(context.bind(node, scope), node, context);
  });
  return typed(compare('ne', sides[0] ?? trueLiteral, sides[1] ?? trueLiteral), 'boolean');
}

function bindNot({ fields, scope, context }: Place): Typed {
  const node = fields.required('this');
  const operand = toCondition(context.bind(node, scope), node, context);
  if (operand.kind === 'in_query' && operand.values.length > 1 && context.dialect !== 'duckdb')
    return rowNotInQuery(operand.values, operand.query, context);
  if ('negated' in operand) return typed({ ...operand, negated: !operand.negated }, 'boolean');
  return typed(not(operand), 'boolean');
}

function bindNegation(place: Place): Typed {
  const value = field(place, 'this');
  const { node } = value;
  if (node.kind === 'literal' && typeof node.value === 'number' && node.value >= 0)
    return typed(literal(node.type, -node.value), value.type);
  const number = readJsonAs(place.context.parameters.read(value, 'double'), 'double');
  return typed({ kind: 'arithmetic', operator: 'negate', operands: [number.node] }, number.type);
}

/** `||` where it joins texts (MySQL's parser gives OR instead). Lists are appended. */
function bindConcat({ fields, scope, context }: Place): Typed {
  const sides = ['left', 'right'].map((name) => context.bind(fields.required(name), scope));
  const isList = sides.some((side) => side.type === 'list' || side.type.endsWith('[]'));
  const operands = sides.flatMap((side) => {
    const node =
      isList || isText(side.type) ? side.node : side.type === 'json' ? jsonText(side) : cast(side.node, 'string');
    return node.kind === 'concat' ? node.operands : [node];
  });
  return typed({ kind: 'concat', operands }, isList ? (sides[0]?.type ?? 'list') : 'string');
}

function bindBetween(place: Place): Typed {
  const { fields, context } = place;
  const bound = ['this', 'low', 'high'].map((name) => field(place, name));
  const negated = fields.flag('not');
  if (fields.flag('symmetric')) throw fields.refuse('BETWEEN SYMMETRIC is not supported');
  requireComparable(bound, fields, context);
  const [value, low, high] = unify(context.meet(bound)).values;
  if (!value || !low || !high) throw fields.refuse('BETWEEN takes two bounds');
  return typed({ kind: 'between', value: value.node, low: low.node, high: high.node, negated }, 'boolean');
}

function bindIn(place: Place): Typed {
  const { fields, scope, context } = place;
  const negated = fields.flag('not');
  const value = fields.required('this');
  const query = fields.optional('query');
  if (query) return bindInQuery(place, { value, query, negated });
  const items = fields.list('expressions');
  const [only] = items;
  if (items.length === 1 && only && kindOf(only) === 'subquery')
    return bindInQuery(place, { value, query: only, negated });
  if (!only) throw fields.refuse('IN takes at least one value');
  const row = rowItems(value, place);
  if (row) return bindRowIn(place, { row, items, negated });
  const all = [value, ...items].map((node) => context.bind(node, scope));
  requireComparable(all, fields, context);
  const [first, ...list] = unify(context.meet(all)).values;
  if (!first) throw fields.refuse('IN takes a value');
  return typed({ kind: 'in', value: first.node, list: list.map((item) => item.node), negated }, 'boolean');
}

/** `(a, b) IN ((1, 2), …)` is written out, since rows are compared value by value. */
function bindRowIn(
  place: Place,
  parts: { readonly row: readonly Typed[]; readonly items: readonly SyntaxNode[]; readonly negated: boolean },
): Typed {
  const matches = parts.items.map((item) => {
    const items = rowItems(item, place);
    if (!items) throw place.fields.refuse('IN compares a row with rows', { expected: 'a list in parentheses' });
    return compareRows(parts.row, items, 'eq', place).node;
  });
  const isAmong = logic('or', matches);
  return typed(parts.negated ? not(isAmong) : isAmong, 'boolean');
}

type InQuery = { readonly value: SyntaxNode; readonly query: SyntaxNode; readonly negated: boolean };

function bindInQuery({ fields, scope, context }: Place, parts: InQuery): Typed {
  const { query, outputs } = context.query(parts.query, scope, context);
  const nodes = kindOf(parts.value) === 'tuple' ? context.fields(parts.value).list('expressions') : [parts.value];
  if (nodes.length !== outputs.length)
    throw fields.refuse(`IN compares ${nodes.length} with ${outputs.length} columns`, {
      expected: nodes.length,
      actual: outputs.length,
    });
  const values = nodes.map((node, index) => {
    const type = outputs[index]?.type ?? 'unknown';
    const bound = context.bind(node, scope);
    requireComparable([bound, typed(bound.node, type)], fields, context);
    return readJsonAs(bound, type === 'unknown' ? 'string' : type).node;
  });
  const isRow = values.length > 1 && context.dialect !== 'duckdb';
  if (isRow && parts.negated) return rowNotInQuery(values, query, context);
  return typed({ kind: 'in_query', values, query, negated: parts.negated }, 'boolean');
}

/**
 * `(a, b) NOT IN (…)` by its definition: false beside an equal row, open beside one that may be equal, else true. The
 * engine leaves it open as soon as any row holds a NULL, even one that differs in another value.
 */
function rowNotInQuery(values: readonly PlanExpression[], query: PlanQuery, context: BindContext): Typed {
  const alias = context.uniqueName('rows');
  const columns = values.map((_, index) => `value_${index}`);
  const isEqual = logic(
    'and',
    values.map((value, index) => compare('eq', value, column(alias, columns[index] ?? ''))),
  );
  const branches = [
    { when: call('bool_or', isEqual), result: literal('boolean', false) },
    { when: call('bool_or', isNull(isEqual)), result: literal('boolean', null) },
  ];
  const body: SelectBody = {
    kind: 'select',
    projections: [{ name: 'is_apart', value: { kind: 'case', branches, otherwise: trueLiteral } }],
    from: { kind: 'derived', query, alias, columns },
  };
  return typed({ kind: 'subquery', query: { kind: 'query', body } }, 'boolean');
}

/** JSON null counts as null in a dotted path: both mean that there is no value. */
function bindIsNull(place: Place): Typed {
  const value = field(place, 'this');
  const subject = value.type === 'json' ? jsonText(value) : value.node;
  return typed(isNull(subject, place.fields.flag('not')), 'boolean');
}

function bindIsBoolean({ fields, scope, context }: Place, test: boolean): Typed {
  const node = fields.required('this');
  const value = toCondition(context.bind(node, scope), node, context);
  return typed({ kind: 'is_boolean', value, test, negated: fields.flag('not') }, 'boolean');
}

/**
 * LIKE compares letters exactly in every dialect, as if each text column had a binary collation: `=`, GROUP BY, ORDER BY
 * and the bounds of files do so too, and one table must not answer differently by the words it is asked in.
 */
function bindLike(place: Place, caseInsensitive: boolean): Typed {
  const { fields, scope, context } = place;
  const value = textOf(field({ fields, scope, context }, 'left'));
  const pattern = field({ fields, scope, context }, 'right');
  const escaped = fields.optional('escape');
  const known =
    pattern.node.kind === 'literal' && typeof pattern.node.value === 'string' ? pattern.node.value : undefined;
  if (escaped) {
    const character = context.bind(escaped, scope).node;
    if (character.kind !== 'literal' || typeof character.value !== 'string' || [...character.value].length > 1)
      throw fields.refuse('ESCAPE takes one character', { expected: 'one character' });
    const escapeWith = character.value === '' ? {} : { escape: character.value };
    return typed(
      { kind: 'like', value, pattern: textOf(pattern), ...escapeWith, caseInsensitive, negated: false },
      'boolean',
    );
  }
  // DuckDB has no escape character unless one is named.
  if (context.dialect === 'duckdb')
    return typed({ kind: 'like', value, pattern: textOf(pattern), caseInsensitive, negated: false }, 'boolean');
  return typed(
    likePattern(value, textOf(pattern), { caseInsensitive, negated: false, knownPattern: known }),
    'boolean',
  );
}

function bindRegex(place: Place, caseInsensitive: boolean): Typed {
  const value = textOf(field(place, 'this'));
  const pattern = place.fields.optional('pattern') ?? place.fields.required('expression');
  const operands = [value, textOf(place.context.bind(pattern, place.scope))];
  if (caseInsensitive) operands.push(literal('string', 'i'));
  return typed({ kind: 'call', function: 'regexp_matches', arguments: operands }, 'boolean');
}

export function textOf(value: Typed): PlanExpression {
  if (value.type === 'json') return jsonText(value);
  return isText(value.type) || value.type === 'null' || value.type === 'unknown'
    ? value.node
    : cast(value.node, 'string');
}

function bindCase({ fields, scope, context }: Place): Typed {
  const operandNode = fields.optional('operand');
  const operand = operandNode ? context.bind(operandNode, scope) : undefined;
  const whens = fields.value('whens');
  const pairs = Array.isArray(whens) ? (whens as readonly (readonly SyntaxNode[])[]) : []; // pairs of nodes in the parser's tree
  const otherwiseNode = fields.optional('else_');
  const conditions = pairs.map(([when]) => bindWhen(when, operand, { fields, scope, context }));
  const results = pairs.map(([, result]) => context.bind(result ?? {}, scope));
  const all = otherwiseNode ? [...results, context.bind(otherwiseNode, scope)] : results;
  const { values, type } = unify(all);
  const otherwise = otherwiseNode ? values.at(-1)?.node : undefined;
  const branches = conditions.map((when, index) => ({ when, result: values[index]?.node ?? literal('string', null) }));
  if (branches.length === 0) throw fields.refuse('CASE has no WHEN');
  return typed({ kind: 'case', branches, ...(otherwise ? { otherwise } : {}) }, type);
}

/** `CASE x WHEN y` compares; written out as conditions, so that JSON and types follow the same rules as `x = y`. */
function bindWhen(
  when: SyntaxNode | undefined,
  operand: Typed | undefined,
  { fields, scope, context }: Place,
): PlanExpression {
  if (!when) throw fields.refuse('CASE has an empty WHEN');
  const bound = context.bind(when, scope);
  if (!operand) return toCondition(bound, when, context);
  requireComparable([operand, bound], fields, context);
  const [left, right] = unify(context.meet([operand, bound])).values;
  return compare('eq', left?.node ?? operand.node, right?.node ?? bound.node);
}

function bindExists({ fields, scope, context }: Place): Typed {
  const { query } = context.query(fields.required('this'), scope, context);
  return typed({ kind: 'exists', query, negated: fields.flag('not') }, 'boolean');
}

function bindScalarSubquery({ fields, scope, context }: Place): Typed {
  const { query, outputs } = context.query(fields.node, scope, context);
  for (const name of ['this', 'order_by', 'limit', 'offset', 'with']) fields.value(name);
  const [only] = outputs;
  if (!only || outputs.length > 1)
    throw fields.refuse(`a subquery used as a value has one column, found ${outputs.length}`);
  return typed({ kind: 'subquery', query }, only.type);
}

const quantifiedOperators: Readonly<Record<string, 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte'>> = {
  Eq: 'eq',
  Neq: 'ne',
  Lt: 'lt',
  Lte: 'lte',
  Gt: 'gt',
  Gte: 'gte',
};

function bindQuantified(place: Place, quantifier: 'any' | 'all'): Typed {
  const { fields, scope, context } = place;
  const operator = quantifiedOperators[String(fields.value('op'))];
  const value = field(place, 'this');
  const operand = fields.required('subquery');
  if (!operator) throw fields.refuse(`this comparison with ${words(quantifier)} is not supported`);
  if (!['select', 'subquery', 'union', 'intersect', 'except', 'values'].includes(kindOf(operand))) {
    if (operator !== 'eq' || quantifier !== 'any')
      throw fields.refuse(`${words(quantifier)} over a list takes = ANY only`);
    const list = context.bind(operand, scope);
    return typed({ kind: 'call', function: 'list_contains', arguments: [list.node, value.node] }, 'boolean');
  }
  const { query, outputs } = context.query(operand, scope, context);
  if (outputs.length !== 1)
    throw fields.refuse(`${words(quantifier)} takes a query of one column, found ${outputs.length}`);
  const type = outputs[0]?.type ?? 'unknown';
  requireComparable([value, typed(value.node, type)], fields, context);
  return typed({ kind: 'quantified', operator, value: readJsonAs(value, type).node, quantifier, query }, 'boolean');
}

function bindArray({ fields, scope, context }: Place): Typed {
  const { values, type } = unify(fields.list('expressions').map((item) => context.bind(item, scope)));
  const items = values.map((value) => value.node);
  const item = isText(type) ? 'string' : type;
  return typed({ kind: 'array', items }, ['unknown', 'null', 'struct'].includes(item) ? 'list' : `${item}[]`);
}

function bindTuple({ fields, scope, context }: Place): Typed {
  const items = fields.list('expressions').map((item) => context.bind(item, scope).node);
  if (items.length === 0) throw fields.refuse('an empty list in parentheses is not a value');
  return typed({ kind: 'row', items }, 'struct');
}

/** DuckDB's `{'a': 1}`; `MAP {…}` is another thing. */
function bindStruct({ fields, scope, context }: Place): Typed {
  if (fields.flag('with_map_keyword') || context.dialect !== 'duckdb')
    throw fields.refuse('MAP {…} is not supported; use map([keys], [values])');
  const keys = fields.list('keys').map((key) => context.bind(key, scope).node);
  const values = fields.list('values').map((value) => context.bind(value, scope).node);
  const entries = keys.map((key, index) => {
    const value = values[index];
    if (key.kind !== 'literal' || typeof key.value !== 'string' || !value)
      throw fields.refuse('keys of a struct are texts');
    return { name: key.value, value };
  });
  return typed({ kind: 'struct', fields: entries }, 'struct');
}

/** Text is compared byte by byte, so only collations that say just that are taken. */
function bindCollation(place: Place): Typed {
  const { fields } = place;
  const name = fields.text('collation') ?? '';
  const value = field(place, 'this');
  if (/_bin$|^binary$|^C$|^POSIX$/i.test(name)) return value;
  throw fields.refuse(`collation ${name} is not supported: texts are compared byte by byte`, {
    name,
    expected: 'a binary collation',
  });
}
