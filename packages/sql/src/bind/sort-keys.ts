import type { SortKey } from '@hybridstore/contracts';
import { documentNumber } from '@hybridstore/plan';
import { Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BoundBody } from './bound-query.ts';
import type { BindContext } from './context.ts';
import { emptyScope, type Scope, sameExpression, starColumns } from './scope.ts';
import { jsonText, type Typed } from './types.ts';

/**
 * Sorting keys of ORDER BY. A number is an output's place, a bare name an output's alias first, anything else an
 * expression over the tables (and, outside PostgreSQL, aliases). NULLs lie where the dialect puts them.
 */
export function bindSortKeys(items: readonly SyntaxNode[], bound: BoundBody, context: BindContext): readonly SortKey[] {
  const [only] = items;
  if (items.length === 1 && only && isAll(only, context)) {
    const fields = Fields.of(only, 'ordered', context.text);
    const { direction, nulls } = readDirection(fields, context);
    fields.ignore('this', 'it is ALL');
    fields.finish();
    return bound.outputs.map((_, index) => ({ value: { kind: 'output', index }, direction, nulls }));
  }
  return items.flatMap((item) => bindSortKey(item, bound, context));
}

function isAll(item: SyntaxNode, context: BindContext): boolean {
  const value = item['this'] as SyntaxNode | undefined; // an ordered item always has `this`
  return context.dialect === 'duckdb' && value !== undefined && context.isWord(value, 'all');
}

function bindSortKey(item: SyntaxNode, bound: BoundBody, context: BindContext): readonly SortKey[] {
  const fields = Fields.of(item, 'ordered', context.text);
  const value = fields.required('this');
  const order = readDirection(fields, context);
  fields.finish();
  const place = outputPlace(value, bound, context);
  if (place !== undefined) return [{ value: { kind: 'output', index: place }, ...order }];
  if (!bound.select)
    throw context.fields(value).refuse('ORDER BY of a set operation takes names or places of its outputs', {
      expected: bound.outputs.map((output) => output.name),
    });
  const expression = context.bind(value, orderScope(bound.select.scope, bound.select.aliases));
  const same = bound.select.projections.findIndex((projection) => sameExpression(projection, expression.node));
  if (same >= 0 && expression.type !== 'json') return [{ value: { kind: 'output', index: same }, ...order }];
  return expandKey(expression, order);
}

function orderScope(scope: Scope, aliases: ReadonlyMap<string, Typed>): Scope {
  return { ...scope, aliases };
}

function outputPlace(value: SyntaxNode, bound: BoundBody, context: BindContext): number | undefined {
  const kind = kindOf(value);
  if (kind === 'literal') {
    const fields = context.fields(value);
    if (fields.text('literal_type') !== 'number') return undefined;
    const place = Number(fields.text('value'));
    if (!Number.isInteger(place) || place < 1 || place > bound.outputs.length)
      throw fields.refuse(`ORDER BY place ${place} is not one of ${bound.outputs.length} columns`);
    return place - 1;
  }
  if (kind !== 'column') return undefined;
  const fields = context.fields(value);
  const name = fields.name('name');
  if (fields.optional('table') || name === undefined) return undefined;
  const places = bound.outputs.flatMap((output, index) =>
    output.name.toLowerCase() === name.toLowerCase() ? [index] : [],
  );
  const [first] = places;
  if (first === undefined) return undefined;
  fields.finish();
  // JSON is sorted as an expression, by number and then by text.
  return bound.outputs[first]?.type === 'json' && bound.select && resolves(value, bound.select.scope, context)
    ? undefined
    : first;
}

function resolves(value: SyntaxNode, scope: Scope, context: BindContext): boolean {
  const name = context.fields(value).name('name')?.toLowerCase();
  return starColumns(scope, false).some((column) => column.name.toLowerCase() === name);
}

/** A JSON value sorts numbers by value before texts. */
function expandKey(value: Typed, order: Omit<SortKey, 'value'>): readonly SortKey[] {
  if (value.type !== 'json') return [{ value: value.node, ...order }];
  const asText = jsonText(value);
  const { near, exact } = documentNumber(asText);
  return [
    {
      value: { kind: 'is_null', value: asText, negated: false },
      direction: order.nulls === 'last' ? 'asc' : 'desc',
      nulls: 'last',
    },
    { value: near, direction: order.direction, nulls: 'last' },
    { value: exact, direction: order.direction, nulls: 'last' },
    { value: asText, direction: order.direction, nulls: 'last' },
  ];
}

/** MySQL sorts NULL below, PostgreSQL above everything; DuckDB puts it last either way. */
function readDirection(fields: Fields, context: BindContext): Omit<SortKey, 'value'> {
  const direction = fields.flag('desc') ? 'desc' : 'asc';
  const nullsFirst = fields.value('nulls_first') === undefined ? undefined : fields.flag('nulls_first');
  if (nullsFirst !== undefined) return { direction, nulls: nullsFirst ? 'first' : 'last' };
  const isFirst =
    (context.dialect === 'mysql' && direction === 'asc') || (context.dialect === 'postgresql' && direction === 'desc');
  return { direction, nulls: isFirst ? 'first' : 'last' };
}

/** ORDER BY inside a call or a window: expressions over the tables, never places. */
export function bindInnerSortKeys(
  items: readonly SyntaxNode[],
  scope: Scope,
  context: BindContext,
): readonly SortKey[] {
  return items.flatMap((item) => {
    const fields = Fields.of(item, 'ordered', context.text);
    const value = fields.required('this');
    const order = readDirection(fields, context);
    fields.finish();
    return expandKey(context.bind(value, scope ?? emptyScope), order);
  });
}
