import { type InQueryNode, listValuesMax, type PlanExpression, type SelectBody } from '@hybridstore/contracts';
import {
  call,
  cast,
  column,
  compare,
  documentNumber,
  exactNumberType,
  isCorrelated,
  isNull,
  literal,
  logic,
  not,
} from '@hybridstore/plan';
import { type Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { type BindSite, requireParentheses } from './bind-site.ts';
import { meetQuery } from './compare-with-query.ts';
import { compareExactly, compareRows, meetTyped, rowItems, structsOf } from './comparisons.ts';
import type { BindContext } from './context.ts';
import { bindListParameter } from './literals.ts';
import { jsonText, type Typed, typed, unify } from './types.ts';

export function bindIn(site: BindSite): Typed {
  const { fields, scope, context } = site;
  const negated = fields.flag('not');
  requireParentheses(fields, 'this');
  const value = fields.required('this');
  const query = fields.optional('query');
  if (query) return bindInQuery(site, { value, query, negated });
  const items = fields.list('expressions');
  const [only] = items;
  if (items.length === 1 && only && kindOf(only) === 'subquery')
    return bindInQuery(site, { value, query: only, negated });
  if (!only) throw fields.refuse('IN takes at least one value');
  const row = rowItems(value, site);
  if (row) return bindRowIn(site, { row, items, negated });
  const bound = structsOf([value, ...items], site) ?? [
    context.bind(value, scope),
    ...items.flatMap((node) => bindListParameter(node, context) ?? [context.bind(node, scope)]),
  ];
  const [among, ...list] = bound;
  if (!among) throw fields.refuse('IN takes a value');
  return bindAmong(site, { value: among, list, negated });
}

/** A value among others, each of which may be any expression; among none it is not. */
export function bindAmong(
  { fields, context }: BindSite,
  among: { readonly value: Typed; readonly list: readonly Typed[]; readonly negated: boolean },
): Typed {
  const { value, negated } = among;
  requireListBound(among.list.length, listValuesMax, 'values', fields);
  if (among.list.length === 0) return typed(literal('boolean', negated), 'boolean');
  // IN compares quotients in all of their digits, where `=` takes those that are shown.
  const all = [value, ...among.list].map((item) => ({ ...item, shownScale: undefined }));
  const met = meetTyped(all, fields, context);
  const exactly = inExactly(met);
  if (exactly) return typed(negated ? not(exactly) : exactly, 'boolean');
  const [first = value, ...list] = unify(met).values;
  return typed({ kind: 'in', value: first.node, list: list.map((item) => item.node), negated }, 'boolean');
}

/** A list among which a double is not enough to find the number of a document: numbers that need every digit stand apart. */
function inExactly([value, ...list]: readonly Typed[]): PlanExpression | undefined {
  if (!value) return undefined;
  const exact = list.filter((item) => compareExactly('eq', value, item));
  if (exact.length === 0) return undefined;
  const others = Map.groupBy(
    list.filter((item) => !compareExactly('eq', value, item)),
    ({ type }) => type,
  );
  const parts = [...others.values()].map((group): PlanExpression => {
    const [first = value, ...same] = unify([value, ...group]).values;
    return { kind: 'in', value: first.node, list: same.map((item) => item.node), negated: false };
  });
  if (value.type === 'json' && exact.every(isConstantInteger))
    return logic('or', [...parts, isAmongIntegers(value, exact)]);
  return logic('or', [...parts, ...exact.flatMap((item) => compareExactly('eq', value, item) ?? [])]);
}

/** A document's number among constants, in two looks for all of them: by its double, and by its digits where it has some. */
function isAmongIntegers(value: Typed, integers: readonly Typed[]): PlanExpression {
  const { near, exact } = documentNumber(jsonText(value));
  const isAmong = (number: PlanExpression, type: string): PlanExpression => ({
    kind: 'in',
    value: number,
    list: integers.map(({ node }) => cast(node, type)),
    negated: false,
  });
  const digits = logic('or', [isNull(exact), isAmong(exact, exactNumberType(0))]);
  return logic('and', [isAmong(near, 'double'), digits]);
}

/** Of at most as many digits as are compared exactly. */
function isConstantInteger({ node }: Typed): boolean {
  return node.kind === 'literal' && /^-?\d{1,38}$/.test(String(node.value));
}

/** `(a, b) IN ((1, 2), …)` is written out, since rows are compared value by value. */
function bindRowIn(
  site: BindSite,
  parts: { readonly row: readonly Typed[]; readonly items: readonly SyntaxNode[]; readonly negated: boolean },
): Typed {
  requireListBound(parts.items.length, rowsMax, 'rows', site.fields);
  const matches = parts.items.map((item) => {
    const items = rowItems(item, site);
    if (!items) throw site.fields.refuse('IN compares a row with rows', { expected: 'a list in parentheses' });
    return compareRows(parts.row, items, 'eq', site).node;
  });
  const isAmong = logic('or', matches);
  return typed(parts.negated ? not(isAmong) : isAmong, 'boolean');
}

/** Rows that are compared value by value: the engine's time grows with their square. */
const rowsMax = 1_000;

function requireListBound(found: number, max: number, what: string, fields: Fields): void {
  if (found <= max) return;
  throw fields.refuse(`IN: expected at most ${max} ${what}, found ${found}`, { expected: max, actual: found });
}

type InQuery = { readonly value: SyntaxNode; readonly query: SyntaxNode; readonly negated: boolean };

function bindInQuery(site: BindSite, parts: InQuery): Typed {
  const { fields, scope, context } = site;
  const bound = context.query(parts.query, scope, context);
  const nodes = kindOf(parts.value) === 'tuple' ? context.items(parts.value) : [parts.value];
  if (nodes.length !== bound.outputs.length)
    throw fields.refuse(`IN compares ${nodes.length} with ${bound.outputs.length} columns`, {
      expected: nodes.length,
      actual: bound.outputs.length,
    });
  const among = nodes.map((node) => context.bind(node, scope));
  const { values, query } = meetQuery(among, bound, 'eq', site);
  const isRow = values.length > 1 && context.dialect !== 'duckdb';
  // The engine has no such query for each row.
  if (isRow && (parts.negated || isCorrelated(query)))
    return rowInQuery({ values, query, negated: parts.negated }, context);
  return typed({ kind: 'in_query', values, query, negated: parts.negated }, 'boolean');
}

/**
 * `(a, b) IN (…)` and NOT IN by their definition: decided by an equal row, open beside one that may be equal. The engine
 * leaves NOT IN open as soon as any row holds a NULL, even one that differs in another value.
 */
export function rowInQuery(
  { values, query, negated }: Pick<InQueryNode, 'values' | 'query' | 'negated'>,
  context: BindContext,
): Typed {
  const alias = context.uniqueName('rows');
  const columns = values.map((_, index) => `value_${index}`);
  const isEqual = logic(
    'and',
    values.map((value, index) => compare('eq', value, column(alias, columns[index] ?? ''))),
  );
  const branches = [
    { when: call('bool_or', isEqual), result: literal('boolean', !negated) },
    { when: call('bool_or', isNull(isEqual)), result: literal('boolean', null) },
  ];
  const body: SelectBody = {
    kind: 'select',
    projections: [{ name: 'is_it', value: { kind: 'case', branches, otherwise: literal('boolean', negated) } }],
    from: { kind: 'derived', query, alias, columns },
  };
  return typed({ kind: 'subquery', query: { kind: 'query', body } }, 'boolean');
}
