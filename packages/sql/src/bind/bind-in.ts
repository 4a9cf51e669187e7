import type { PlanExpression, PlanQuery, SelectBody } from '@hybridstore/contracts';
import { call, column, compare, isNull, literal, logic, not, trueLiteral } from '@hybridstore/plan';
import { kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindSite } from './bind-site.ts';
import { compareExactly, compareRows, meetTyped, readBeside, rowItems, structsOf } from './comparisons.ts';
import type { BindContext } from './context.ts';
import { readJsonAs, type Typed, typed, unify } from './types.ts';

export function bindIn(site: BindSite): Typed {
  const { fields, scope, context } = site;
  const negated = fields.flag('not');
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
  const nodes = [value, ...items];
  const bound = structsOf(nodes, site) ?? nodes.map((node) => context.bind(node, scope));
  // IN compares quotients in all of their digits, where `=` takes those that are shown.
  const all = bound.map((item) => ({ ...item, shownScale: undefined }));
  const met = meetTyped(all, fields, context);
  const exactly = inExactly(met);
  if (exactly) return typed(negated ? not(exactly) : exactly, 'boolean');
  const [first, ...list] = unify(met).values;
  if (!first) throw fields.refuse('IN takes a value');
  return typed({ kind: 'in', value: first.node, list: list.map((item) => item.node), negated }, 'boolean');
}

/** A list among which a double is not enough to find the number of a document is written out. */
function inExactly([value, ...list]: readonly Typed[]): PlanExpression | undefined {
  if (!value || !list.some((item) => compareExactly('eq', value, item))) return undefined;
  const matches = list.map((item) => {
    const [left, right] = unify([value, item]).values;
    return compareExactly('eq', value, item) ?? compare('eq', left?.node ?? value.node, right?.node ?? item.node);
  });
  return logic('or', matches);
}

/** `(a, b) IN ((1, 2), …)` is written out, since rows are compared value by value. */
function bindRowIn(
  site: BindSite,
  parts: { readonly row: readonly Typed[]; readonly items: readonly SyntaxNode[]; readonly negated: boolean },
): Typed {
  const matches = parts.items.map((item) => {
    const items = rowItems(item, site);
    if (!items) throw site.fields.refuse('IN compares a row with rows', { expected: 'a list in parentheses' });
    return compareRows(parts.row, items, 'eq', site).node;
  });
  const isAmong = logic('or', matches);
  return typed(parts.negated ? not(isAmong) : isAmong, 'boolean');
}

type InQuery = { readonly value: SyntaxNode; readonly query: SyntaxNode; readonly negated: boolean };

function bindInQuery({ fields, scope, context }: BindSite, parts: InQuery): Typed {
  const { query, outputs } = context.query(parts.query, scope, context);
  const nodes = kindOf(parts.value) === 'tuple' ? context.items(parts.value) : [parts.value];
  if (nodes.length !== outputs.length)
    throw fields.refuse(`IN compares ${nodes.length} with ${outputs.length} columns`, {
      expected: nodes.length,
      actual: outputs.length,
    });
  const values = nodes.map((node, index) => {
    const type = outputs[index]?.type ?? 'unknown';
    const bound = context.bind(node, scope);
    const [read = bound] = readBeside(bound, type, fields, context);
    return readJsonAs(read, type === 'unknown' ? 'string' : type).node;
  });
  const isRow = values.length > 1 && context.dialect !== 'duckdb';
  if (isRow && parts.negated) return rowNotInQuery(values, query, context);
  return typed({ kind: 'in_query', values, query, negated: parts.negated }, 'boolean');
}

/**
 * `(a, b) NOT IN (…)` by its definition: false beside an equal row, open beside one that may be equal, else true. The
 * engine leaves it open as soon as any row holds a NULL, even one that differs in another value.
 */
export function rowNotInQuery(values: readonly PlanExpression[], query: PlanQuery, context: BindContext): Typed {
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
