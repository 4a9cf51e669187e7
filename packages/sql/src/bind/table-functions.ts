import type { PlanRelation } from '@hybridstore/contracts';
import { type Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { type BoundRelation, single } from './bound-relation.ts';
import type { BindContext } from './context.ts';
import type { Scope, ScopeColumn } from './scope.ts';
import { commonType, typed } from './types.ts';

type TableAlias = { readonly name: string | undefined; readonly columns: readonly string[] };

/** `unnest(list)` and `generate_series(a, b)`: all that FROM may call. `before` is what stands to the left. */
export function bindTableFunction(
  node: SyntaxNode,
  alias: TableAlias,
  before: Scope,
  context: BindContext,
): BoundRelation {
  const fields = context.fields(node);
  const name = kindOf(node) === 'unnest' ? 'unnest' : (fields.text('name') ?? kindOf(node)).toLowerCase();
  if (name === 'unnest') return bindUnnest(fields, alias, before, context);
  if (name === 'generate_series' || (name === 'range' && context.dialect === 'duckdb'))
    return bindSeries(fields, name, alias, before, context);
  throw fields.refuse(`table function ${name} is not allowed`, {
    name,
    expected: ['unnest', 'generate_series', ...(context.dialect === 'duckdb' ? ['range'] : [])],
  });
}

function bindUnnest(fields: Fields, alias: TableAlias, before: Scope, context: BindContext): BoundRelation {
  const [first, ...more] = [fields.optional('this'), ...fields.list('args'), ...fields.list('expressions')].filter(
    (part) => part !== undefined,
  );
  const withOrdinality = fields.flag('with_ordinality');
  fields.ignore('name', 'read by bindTableFunction');
  fields.finish();
  if (!first || more.length > 0) throw fields.refuse('unnest takes one list');
  const value = context.bind(first, before);
  const planAlias = context.uniqueName(alias.name ?? 'unnest');
  const column = alias.columns[0] ?? (context.dialect === 'postgresql' ? (alias.name ?? 'unnest') : 'unnest');
  const ordinality = withOrdinality ? (alias.columns[1] ?? 'ordinality') : undefined;
  const type = value.type.endsWith('[]') ? value.type.slice(0, -2) : 'unknown';
  const columns: ScopeColumn[] = [{ name: column, ref: column, type }];
  if (ordinality !== undefined) columns.push({ name: ordinality, ref: ordinality, type: 'bigint' });
  const relation: PlanRelation = {
    kind: 'unnest',
    value: value.node,
    alias: planAlias,
    column,
    ...(ordinality === undefined ? {} : { ordinality }),
  };
  return single(relation, alias.name ?? 'unnest', columns);
}

function bindSeries(
  fields: Fields,
  name: string,
  alias: TableAlias,
  before: Scope,
  context: BindContext,
): BoundRelation {
  const values = fields.list('args').map((part) => context.bind(part, before));
  fields.ignore('name', 'read by bindTableFunction');
  fields.finish();
  const [only, second, step] = values;
  if (!only || values.length > 3) throw fields.refuse(`${name} takes 1 to 3 arguments, found ${values.length}`);
  const start = second ? only : typed({ kind: 'literal', type: 'bigint', value: 0 }, 'bigint');
  const stop = second ?? only;
  const planAlias = context.uniqueName(alias.name ?? name);
  const column = alias.columns[0] ?? (context.dialect === 'postgresql' ? (alias.name ?? name) : name);
  const relation: PlanRelation = {
    kind: 'series',
    start: start.node,
    stop: stop.node,
    ...(step ? { step: step.node } : {}),
    inclusive: name === 'generate_series',
    alias: planAlias,
    column,
  };
  return single(relation, alias.name ?? name, [
    { name: column, ref: column, type: commonType([start.type, stop.type]) },
  ]);
}
