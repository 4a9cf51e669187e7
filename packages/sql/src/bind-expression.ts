import { literal } from '@hybridstore/plan';
import { arithmetic, bindComplement, bindNegation, bitwise, divide, modulo } from './bind/arithmetic.ts';
import { bindCase } from './bind/bind-case.ts';
import { bindIn } from './bind/bind-in.ts';
import { type Binder, bindField } from './bind/bind-site.ts';
import { bindCollation } from './bind/collations.ts';
import { bindColumn, bindDot, bindJsonArrow, bindSubscript } from './bind/columns.ts';
import { bindBetween, bindComparison } from './bind/comparisons.ts';
import { bindArray, bindStruct, bindTuple } from './bind/composites.ts';
import type { BindContext } from './bind/context.ts';
import { bindCast, bindInterval, bindLiteral, bindParameter } from './bind/literals.ts';
import { bindExclusiveOr, bindIsBoolean, bindIsNull, bindLogic, bindNot } from './bind/logic.ts';
import type { Scope } from './bind/scope.ts';
import { bindSimilarTo } from './bind/similar-to.ts';
import { bindExists, bindQuantified, bindScalarSubquery } from './bind/subqueries.ts';
import { bindConcat, bindLike, bindRegex } from './bind/texts.ts';
import { bindAtTimeZone } from './bind/time-zones.ts';
import { type Typed, typed } from './bind/types.ts';
import { bindCall } from './functions/bind-call.ts';
import { bindExtract } from './functions/date-functions.ts';
import { bindContains } from './functions/json-containment.ts';
import type { SyntaxNode } from './syntax/syntax-tree.ts';

/**
 * An expression with its names resolved and its dialect's meaning spelled out. The parser knows how a statement is written,
 * not what it means; here every node of its tree gets a node of the plan and a type:
 *
 *     price / 2 > doc.limit      bound by           as (PostgreSQL)
 *
 *     gt                         bindComparison     ("s"."price" / 2) > TRY_CAST(… AS DOUBLE), boolean
 *     ├─ div                     divide             "s"."price" / 2, double
 *     │  ├─ column price         bindColumn         "s"."price", decimal(10,2)
 *     │  └─ literal 2            bindLiteral        2, bigint
 *     └─ dot doc.limit           bindDot            json_extract("s"."doc", '/limit'), json
 *
 * Names come down in the scope, types go up: a binder binds the children by `context.bind`, which is this function handed
 * down in the context, and decides by their types. `price` has two digits behind its point, so `/` is no division of whole
 * numbers; beside a number the document's path is read as one. A kind that is not in the table is a call: the parser has
 * kinds of their own for several hundred functions.
 *
 * Each field of a node is taken once, or `finish` refuses the statement by its place: what is not understood may change what
 * the statement means, so nothing is dropped.
 *
 * Left out: this is no type checker. A type is known where a decision needs one and is `unknown` elsewhere, and what does
 * not fit after all is the engine's to refuse. Nothing is rewritten to be faster: the plan says what the text says.
 */
export function bindExpression(node: SyntaxNode, scope: Scope, context: BindContext): Typed {
  const fields = context.fields(node);
  const binder = binders[fields.kind] ?? bindCall;
  const bound = binder({ fields, scope, context });
  fields.finish();
  context.places?.account(bound.node, context.position(node));
  return bound;
}

const binders: Readonly<Record<string, Binder>> = {
  column: bindColumn,
  dot: bindDot,
  subscript: bindSubscript,
  json_extract: (site) => bindJsonArrow(site, 'json'),
  json_extract_scalar: (site) => bindJsonArrow(site, 'text'),
  json_value: (site) => bindJsonArrow(site, 'text'),
  json_extract_path: (site) => bindJsonArrow(site, 'json'),
  literal: bindLiteral,
  boolean: ({ fields }) => typed(literal('boolean', fields.flag('value')), 'boolean'),
  null: () => typed(literal('string', null), 'null'),
  parameter: bindParameter,
  placeholder: ({ fields }) => {
    throw fields.refuse('this parameter has no number');
  },
  interval: bindInterval,
  cast: (site) => bindCast(site, false),
  try_cast: (site) => bindCast(site, true),
  paren: (site) => bindField(site, 'this'),
  annotated: (site) => bindField(site, 'this'),
  and: (site) => bindLogic(site, 'and'),
  or: (site) => bindLogic(site, 'or'),
  xor: bindExclusiveOr,
  not: (site) => bindNot(site),
  eq: (site) => bindComparison(site, 'eq'),
  neq: (site) => bindComparison(site, 'ne'),
  lt: (site) => bindComparison(site, 'lt'),
  lte: (site) => bindComparison(site, 'lte'),
  gt: (site) => bindComparison(site, 'gt'),
  gte: (site) => bindComparison(site, 'gte'),
  null_safe_eq: (site) => bindComparison(site, 'is_not_distinct'),
  null_safe_neq: (site) => bindComparison(site, 'is_distinct'),
  add: (site) => arithmetic(site, 'add'),
  sub: (site) => arithmetic(site, 'subtract'),
  mul: (site) => arithmetic(site, 'multiply'),
  div: (site) => divide(site),
  int_div: (site) => divide(site, 'integer'),
  mod: modulo,
  mod_func: modulo,
  neg: bindNegation,
  power: (site) => bitwise(site, 'power'),
  bitwise_and: (site) => bitwise(site, 'bit_and'),
  bitwise_or: (site) => bitwise(site, 'bit_or'),
  bitwise_xor: (site) => bitwise(site, 'bit_xor'),
  bitwise_left_shift: (site) => bitwise(site, 'shift_left'),
  bitwise_right_shift: (site) => bitwise(site, 'shift_right'),
  bitwise_not: bindComplement,
  concat: bindConcat,
  between: bindBetween,
  in: bindIn,
  is_null: (site) => bindIsNull(site),
  is_true: (site) => bindIsBoolean(site, true),
  is_false: (site) => bindIsBoolean(site, false),
  like: (site) => bindLike(site, false),
  i_like: (site) => bindLike(site, true),
  regexp_like: (site) => bindRegex(site, false),
  regexp_i_like: (site) => bindRegex(site, true),
  similar_to: bindSimilarTo,
  extract: bindExtract,
  at_time_zone: bindAtTimeZone,
  case: bindCase,
  exists: bindExists,
  subquery: bindScalarSubquery,
  any: (site) => bindQuantified(site, 'any'),
  all: (site) => bindQuantified(site, 'all'),
  array_func: bindArray,
  tuple: bindTuple,
  map_func: bindStruct,
  collation: bindCollation,
  array_contains_all: (site) => bindContains(site, 'left'),
  array_contained_by: (site) => bindContains(site, 'right'),
};
