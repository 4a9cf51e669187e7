import type { Dialect, PlanExpression, PlanRelation, SelectBody } from '@hybridstore/contracts';
import { call, cast, choose, compare, isNull, nullLiteral, planErrors, text } from '@hybridstore/plan';
import { type BoundRelation, single } from './bound-relation.ts';
import type { ScopeColumn } from './scope.ts';
import type { TableCall } from './table-call.ts';
import type { Typed } from './types.ts';

/**
 * What PostgreSQL makes of a JSON value in FROM: a row for each element of an array, or for each key of an object. NULL has
 * none; a value of another kind is an error, as it is there.
 */
type JsonTable = { readonly of: 'elements' | 'entries' | 'keys'; readonly as: 'json' | 'string' };

const tables: Readonly<Record<string, JsonTable>> = {
  array_elements: { of: 'elements', as: 'json' },
  array_elements_text: { of: 'elements', as: 'string' },
  each: { of: 'entries', as: 'json' },
  each_text: { of: 'entries', as: 'string' },
  object_keys: { of: 'keys', as: 'string' },
};

export const jsonTableNames: readonly string[] = Object.keys(tables).flatMap((name) => [
  `json_${name}`,
  `jsonb_${name}`,
]);

export function isJsonTable(name: string, dialect: Dialect): boolean {
  return dialect === 'postgresql' && jsonTableNames.includes(name);
}

export function bindJsonTable(name: string, value: Typed, tableCall: TableCall): BoundRelation {
  const { fields } = tableCall;
  if (value.type !== 'json')
    throw fields.refuse(`${name} takes a JSON value, found one of type ${value.type}`, {
      expected: 'json',
      actual: value.type,
    });
  const table = tables[name.replace(/^jsonb?_/, '')]!; // `isJsonTable` knows the name
  if (table.of === 'entries') return bindEntries(name, value, table, tableCall);
  const list =
    table.of === 'keys'
      ? ofKind(value.node, 'OBJECT', call('json_keys', value.node))
      : ofKind(value.node, 'ARRAY', elementsOf(value.node, table.as));
  // The function of keys names no column of its own: its alias does.
  const column = table.of === 'keys' ? (tableCall.alias.name ?? name) : 'value';
  return bindList({ name, list, column, type: table.as }, tableCall);
}

type List = { readonly name: string; readonly list: PlanExpression; readonly column: string; readonly type: string };

/** One row an element, under the column that the alias names. A table of one column stands for its value. */
export function bindList(
  { name, list, column, type }: List,
  { alias, withOrdinality, context }: TableCall,
): BoundRelation {
  const own = alias.columns[0] ?? column;
  const ordinality = withOrdinality ? (alias.columns[1] ?? 'ordinality') : undefined;
  const relation: PlanRelation = {
    kind: 'unnest',
    value: list,
    alias: context.uniqueName(alias.name ?? name),
    column: own,
    ...(ordinality === undefined ? {} : { ordinality }),
  };
  const columns: ScopeColumn[] = [{ name: own, ref: own, type }];
  if (ordinality !== undefined) columns.push({ name: ordinality, ref: ordinality, type: 'bigint' });
  const bound = single(relation, alias.name ?? name, columns);
  if (context.dialect !== 'postgresql' || withOrdinality) return bound;
  return { ...bound, relations: bound.relations.map((row) => ({ ...row, value: columns[0] })) };
}

/** Keys and values come side by side, in the order of the object. */
function bindEntries(
  name: string,
  { node }: Typed,
  table: JsonTable,
  { alias, withOrdinality, fields, context }: TableCall,
): BoundRelation {
  if (withOrdinality) throw fields.refuse(`${name} WITH ORDINALITY is not supported`, { name: 'WITH ORDINALITY' });
  const names = [alias.columns[0] ?? 'key', alias.columns[1] ?? 'value'] as const;
  const values = table.as === 'json' ? 'json_extract' : 'json_extract_string';
  const lists = [call('json_keys', node), call(values, node, text('$.*'))];
  const body: SelectBody = {
    kind: 'select',
    projections: lists.map((list, index) => ({
      name: names[index] ?? '',
      value: call('unnest', ofKind(node, 'OBJECT', list)),
    })),
  };
  const relation: PlanRelation = {
    kind: 'derived',
    query: { kind: 'query', body },
    alias: context.uniqueName(alias.name ?? name),
    columns: names,
    lateral: true,
  };
  return single(relation, alias.name ?? name, [
    { name: names[0], ref: names[0], type: 'string' },
    { name: names[1], ref: names[1], type: table.as },
  ]);
}

/**
 * What a path with a wildcard finds, as a list: by default the elements of an array, none of what is no array. The cast says
 * that it is one, which the engine does not know where a constant has nothing at the path.
 */
export function elementsOf(value: PlanExpression, as: 'json' | 'string', path = '$[*]'): PlanExpression {
  return cast(call(as === 'json' ? 'json_extract' : 'json_extract_string', value, text(path)), `${as}[]`);
}

function ofKind(value: PlanExpression, kind: 'ARRAY' | 'OBJECT', list: PlanExpression): PlanExpression {
  const problem = kind === 'ARRAY' ? planErrors.notAnArray : planErrors.notAnObject;
  const otherwise = choose(isNull(value), nullLiteral, call('error', text(problem)));
  return choose(compare('eq', call('json_type', value), text(kind)), list, otherwise);
}
