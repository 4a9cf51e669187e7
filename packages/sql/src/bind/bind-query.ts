import type { CommonTable, PlanExpression, PlanQuery, QueryBody, SortKey } from '@hybridstore/contracts';
import { integer } from '@hybridstore/plan';
import { Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { bindSelect } from './bind-select.ts';
import type { BoundBody, BoundQuery } from './bound-query.ts';
import type { BindContext } from './context.ts';
import { nameColumns } from './name-columns.ts';
import { type CommonTableScope, innerScope, type Scope } from './scope.ts';
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
  if (kind === 'annotated') return bindQuery(context.fields(tree).required('this'), outer, context);
  if (kind === 'paren' || kind === 'subquery') return bindParenthesized(tree, outer, context);
  const fields = context.fields(tree);
  const commonTables = bindWith(fields, outer, context);
  const scope = { ...innerScope(outer), commonTables: commonTables.scopes };
  const bound = bindBody(kind, fields, scope, context);
  const tail = bindTail(fields, bound, context);
  fields.finish();
  return {
    query: { kind: 'query', ...(commonTables.clause ? { with: commonTables.clause } : {}), body: bound.body, ...tail },
    outputs: bound.outputs,
  };
}

function bindBody(kind: string, fields: Fields, scope: Scope, context: BindContext): BoundBody {
  switch (kind) {
    case 'select': {
      const select = bindSelect(fields, scope, context);
      return { body: select.body, outputs: select.outputs, select };
    }
    case 'union':
    case 'intersect':
    case 'except':
      return bindSetOperation(fields, scope, context);
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
    clause.value('direction');
    clause.value('rows');
    const count = clause.optional('count') ?? { literal: { literal_type: 'number', value: '1' } };
    clause.finish();
    return count;
  }
  const limit = unwrap(fields.optional('limit'), 'limit', context);
  if (!limit || kindOf(limit) === 'null') return undefined;
  const isAll = kindOf(limit) === 'column' && context.fields(limit).name('name')?.toLowerCase() === 'all';
  return isAll ? undefined : limit;
}

function unwrap(clause: SyntaxNode | undefined, kind: string, context: BindContext): SyntaxNode | undefined {
  if (!clause || !('this' in clause)) return clause;
  const fields = Fields.of(clause, kind, context.text);
  const inner = fields.required('this');
  fields.value('rows');
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

type BoundWith = { readonly clause: PlanQuery['with']; readonly scopes: ReadonlyMap<string, CommonTableScope> };

function bindWith(fields: Fields, outer: Scope, context: BindContext): BoundWith {
  const clause = fields.optional('with');
  if (!clause) return { clause: undefined, scopes: new Map() };
  const parts = Fields.of(clause, 'with', context.text);
  const recursive = parts.flag('recursive');
  const scopes = new Map<string, CommonTableScope>();
  const entries: CommonTable[] = [];
  for (const item of parts.list('ctes')) {
    const scope = { ...innerScope(outer), commonTables: new Map(scopes) };
    entries.push(bindCommonTable(item, { scope, scopes, recursive }, context));
  }
  parts.finish();
  return { clause: { recursive, entries }, scopes };
}

/** What the entries of one WITH share: the scope around it, and the entries named so far. */
type WithClause = {
  readonly scope: Scope;
  readonly scopes: Map<string, CommonTableScope>;
  readonly recursive: boolean;
};

function bindCommonTable(item: SyntaxNode, clause: WithClause, context: BindContext): CommonTable {
  const fields = Fields.of(item, 'cte', context.text);
  const name = fields.name('alias') ?? '';
  const columns = fields.names('columns');
  const tree = fields.required('this');
  fields.finish();
  if (clause.scopes.has(name.toLowerCase())) throw fields.refuse(`WITH names ${name} twice`);
  const planName = context.uniqueName(name);
  const inner = clause.recursive ? withSelf({ name, planName, columns, tree }, clause.scope, context) : clause.scope;
  const bound = bindQuery(tree, inner, context);
  const named = nameColumns(bound, columns, context, tree);
  clause.scopes.set(name.toLowerCase(), { planName, columns: named.columns });
  return { name: planName, columns: named.columns.map((column) => column.ref), query: bound.query };
}

/** In WITH RECURSIVE an entry sees itself; its columns have the types of its first part, which is bound once to learn them. */
function withSelf(
  entry: {
    readonly name: string;
    readonly planName: string;
    readonly columns: readonly string[];
    readonly tree: SyntaxNode;
  },
  scope: Scope,
  context: BindContext,
): Scope {
  const first = firstPart(entry.tree);
  if (first === entry.tree) return scope;
  const bound = bindQuery(first, scope, context);
  const { columns } = nameColumns(bound, entry.columns, context, entry.tree);
  const self: CommonTableScope = { planName: entry.planName, columns };
  return { ...scope, commonTables: new Map([...scope.commonTables, [entry.name.toLowerCase(), self]]) };
}

function firstPart(tree: SyntaxNode): SyntaxNode {
  const kind = kindOf(tree);
  if (kind !== 'union' && kind !== 'intersect' && kind !== 'except') return tree;
  const body = tree[kind] as { left?: SyntaxNode }; // set operations of the parser always have both sides
  return body.left ? firstPart(body.left) : tree;
}

type SetPart = {
  readonly operator: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly input: SyntaxNode;
};

/**
 * INTERSECT binds closer than UNION and EXCEPT, which the parser does not know: it reads every chain from the left. So
 * a chain without parentheses is taken apart and put together again.
 */
function bindSetOperation(fields: Fields, scope: Scope, context: BindContext): BoundBody {
  const chain = readChain(fields, context);
  const groups: { operator: SetPart['operator']; all: boolean; parts: SetPart[] }[] = [];
  for (const part of chain) {
    const last = groups.at(-1);
    if (part.operator === 'intersect' && last) last.parts.push(part);
    else groups.push({ operator: part.operator, all: part.all, parts: [part] });
  }
  const operands = groups.map((group) => ({ ...group, bound: bindIntersections(group.parts, scope, context) }));
  return combine(operands, fields);
}

function readChain(fields: Fields, context: BindContext): readonly SetPart[] {
  const operator = fields.kind as SetPart['operator']; // bindBody sends only these kinds here
  const all = fields.flag('all');
  fields.value('distinct');
  const left = fields.required('left');
  const right = fields.required('right');
  const leftKind = kindOf(left);
  const isChain = (leftKind === 'union' || leftKind === 'intersect' || leftKind === 'except') && isBare(left);
  const before: readonly SetPart[] = isChain
    ? readInnerChain(left, context)
    : [{ operator: 'union', all: true, input: left }];
  return [...before, { operator, all, input: right }];
}

function readInnerChain(node: SyntaxNode, context: BindContext): readonly SetPart[] {
  const inner = context.fields(node);
  const parts = readChain(inner, context);
  inner.finish();
  return parts;
}

/** A set operation with its own WITH, ORDER BY or LIMIT is a unit of its own. */
function isBare(node: SyntaxNode): boolean {
  const raw = node[kindOf(node)] as Readonly<Record<string, unknown>>; // tagged nodes hold an object
  return ['with', 'order_by', 'limit', 'offset'].every((name) => raw[name] === null || raw[name] === undefined);
}

function bindIntersections(parts: readonly SetPart[], scope: Scope, context: BindContext): BoundQuery {
  const inputs = parts.map((part) => ({
    operator: part.operator,
    all: part.all,
    bound: bindQuery(part.input, scope, context),
  }));
  const [first] = inputs;
  if (inputs.length === 1 && first) return first.bound;
  const { body, outputs } = combine(inputs, context.fields(parts[0]?.input ?? {}));
  return { query: { kind: 'query', body }, outputs };
}

type Operand = { readonly operator: SetPart['operator']; readonly all: boolean; readonly bound: BoundQuery };

function combine(operands: readonly Operand[], fields: Fields): BoundBody {
  const [first, ...rest] = operands;
  if (!first) throw fields.refuse('a set operation has no inputs');
  let body: QueryBody = bodyOf(first.bound);
  let outputs = first.bound.outputs;
  for (const { operator, all, bound } of rest) {
    if (bound.outputs.length !== outputs.length)
      throw fields.refuse(`${operator.toUpperCase()} of ${outputs.length} and ${bound.outputs.length} columns`, {
        expected: outputs.length,
        actual: bound.outputs.length,
      });
    outputs = outputs.map(({ name, type }, index) => ({
      name,
      type: commonType([type, bound.outputs[index]?.type ?? 'unknown']),
    }));
    const input = bodyOf(bound);
    body =
      body.kind === 'set_operation' && body.operator === operator && body.all === all
        ? { ...body, inputs: [...body.inputs, input] }
        : { kind: 'set_operation', operator, all, inputs: [body, input] };
  }
  return { body, outputs };
}

function bodyOf(bound: BoundQuery): QueryBody {
  const { query } = bound;
  return query.with || query.orderBy || query.limit || query.offset ? query : query.body;
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
