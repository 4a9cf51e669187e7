import type { PlanExpression, PlanQuery, SortKey } from '@hybridstore/contracts';
import { integer } from '@hybridstore/plan';
import { Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { bindSelect } from './bind-select.ts';
import type { BoundBody, BoundQuery } from './bound-query.ts';
import { bindWith } from './common-tables.ts';
import type { BindContext } from './context.ts';
import { innerScope, type Scope } from './scope.ts';
import { bindSetOperation } from './set-operations.ts';
import { bindSortKeys } from './sort-keys.ts';
import { commonType, isText } from './types.ts';

/**
 * A query with its names resolved. Clauses are bound in the order in which SQL evaluates them, which is not that of the
 * text, because each sees other names:
 *
 *     WITH               the entries before it and around it; itself, when RECURSIVE
 *     FROM               what WITH names; LATERAL and unnest also what stands to their left
 *     select list        columns of FROM, of the queries around this one too
 *     WHERE              the same; in DuckDB also aliases of outputs
 *     GROUP BY           columns before aliases, and outputs by their place
 *     HAVING, QUALIFY    columns before aliases
 *     ORDER BY           outputs by place or alias before columns; behind a set operation outputs only
 *     LIMIT, OFFSET      nothing: a number or a parameter
 *
 * A query in parentheses begins anew, with this scope around its own. In the plan every relation has an alias that no other
 * one has, so that a name needs no scope there any more:
 *
 *     SELECT id FROM t WHERE id IN (SELECT id FROM t)
 *     SELECT "t"."id" FROM "t" AS "t" WHERE "t"."id" IN (SELECT "t_2"."id" FROM "t" AS "t_2")
 *
 * Left out: queries that read names around them stay queries; to make joins of them is the engine's work.
 */
export function bindQuery(tree: SyntaxNode, outer: Scope, context: BindContext): BoundQuery {
  const kind = kindOf(tree);
  if (kind === 'annotated') return bindQuery(context.only(tree, 'this'), outer, context);
  if (kind === 'paren' || kind === 'subquery') return bindParenthesized(tree, outer, context);
  const fields = context.fields(tree);
  const commonTables = bindWith(fields, outer, context);
  const scope = { ...innerScope(outer), commonTables: commonTables.scopes };
  const bound = bindBody(
    kind,
    fields,
    { scope, recursion: commonTables.clause ? undefined : outer.recursion },
    context,
  );
  const tail = bindTail(fields, bound, context);
  fields.finish();
  return {
    query: { kind: 'query', ...(commonTables.clause ? { with: commonTables.clause } : {}), body: bound.body, ...tail },
    outputs: bound.outputs,
  };
}

type BodyScope = { readonly scope: Scope; readonly recursion: Scope['recursion'] };

function bindBody(kind: string, fields: Fields, { scope, recursion }: BodyScope, context: BindContext): BoundBody {
  switch (kind) {
    case 'select': {
      const select = bindSelect(fields, scope, context);
      return { body: select.body, outputs: select.outputs, select };
    }
    case 'union':
    case 'intersect':
    case 'except':
      return bindSetOperation(fields, { ...scope, recursion }, context);
    case 'values':
      return bindValues(fields, scope, context);
    default:
      throw fields.refuse(`${kind.replaceAll('_', ' ').toUpperCase()} is not a query`, { expected: 'SELECT' });
  }
}

function bindParenthesized(tree: SyntaxNode, outer: Scope, context: BindContext): BoundQuery {
  const fields = context.fields(tree);
  const inner = bindQuery(fields.required('this'), outer, context);
  const bound: BoundBody = { body: inner.query, outputs: inner.outputs };
  const tail = bindTail(fields, bound, context);
  fields.finish();
  return Object.keys(tail).length === 0
    ? inner
    : { query: { kind: 'query', body: inner.query, ...tail }, outputs: inner.outputs };
}

function bindTail(
  fields: Fields,
  bound: BoundBody,
  context: BindContext,
): Pick<PlanQuery, 'orderBy' | 'limit' | 'offset'> {
  const orderBy = fields.optional('order_by');
  const keys = orderBy ? bindOrderBy(orderBy, bound, context) : [];
  const limit = bindLimit(fields, context);
  const offset = unwrap(fields.optional('offset'), 'offset', context);
  return {
    ...(keys.length > 0 ? { orderBy: keys } : {}),
    ...(limit ? { limit: bindCount(limit, context) } : {}),
    ...(offset ? { offset: bindCount(offset, context) } : {}),
  };
}

function bindOrderBy(orderBy: SyntaxNode, bound: BoundBody, context: BindContext): readonly SortKey[] {
  const fields = Fields.of(orderBy, 'order_by', context.text);
  const keys = bindSortKeys(fields.list('expressions'), bound, context);
  fields.finish();
  return keys;
}

/** LIMIT, or the standard's FETCH FIRST n ROWS ONLY. `LIMIT ALL` and `LIMIT NULL` mean none. */
function bindLimit(fields: Fields, context: BindContext): SyntaxNode | undefined {
  const fetch = fields.optional('fetch');
  if (fetch) {
    const clause = Fields.of(fetch, 'fetch', context.text);
    const count = clause.optional('count') ?? { literal: { literal_type: 'number', value: '1' } };
    clause.finish();
    return count;
  }
  const limit = unwrap(fields.optional('limit'), 'limit', context);
  if (!limit || kindOf(limit) === 'null') return undefined;
  return context.isWord(limit, 'all') ? undefined : limit;
}

function unwrap(clause: SyntaxNode | undefined, kind: string, context: BindContext): SyntaxNode | undefined {
  if (!clause || !('this' in clause)) return clause;
  const fields = Fields.of(clause, kind, context.text);
  const inner = fields.required('this');
  fields.finish();
  return inner;
}

function bindCount(node: SyntaxNode, context: BindContext): PlanExpression {
  const bound = context.bind(node, innerScope({ relations: [], merged: new Map(), commonTables: new Map() }));
  const value = bound.node;
  if (value.kind === 'literal' && bound.type === 'bigint' && Number(value.value) >= 0)
    return integer(Number(value.value));
  if (value.kind === 'parameter' && bound.type === 'bigint') return context.parameters.count(value);
  throw context.fields(node).refuse('LIMIT and OFFSET take a whole number', { expected: 'a whole number from 0' });
}

function bindValues(fields: Fields, scope: Scope, context: BindContext): BoundBody {
  const rows = fields.list('expressions').map((row) => {
    const items = Fields.of(row, 'values', context.text);
    const bound = items.list('expressions').map((item) => context.bind(item, scope));
    items.finish();
    return bound;
  });
  const width = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== width)) throw fields.refuse('rows of VALUES differ in their number of columns');
  // MySQL calls them column_0, PostgreSQL column1, DuckDB col0.
  const nameOf = {
    mysql: (n: number) => `column_${n}`,
    postgresql: (n: number) => `column${n + 1}`,
    duckdb: (n: number) => `col${n}`,
  };
  const names = Array.from({ length: width }, (_, index) => nameOf[context.dialect](index));
  const outputs = names.map((name, index) => {
    const type = commonType(rows.map((row) => row[index]?.type ?? 'unknown'));
    return { name, type: isText(type) ? 'string' : type };
  });
  return { body: { kind: 'values', names, rows: rows.map((row) => row.map((item) => item.node)) }, outputs };
}
