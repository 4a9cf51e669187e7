import type { PlanRelation } from '@hybridstore/contracts';
import { type Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { type BoundRelation, single } from './bound-relation.ts';
import type { BindContext } from './context.ts';
import { bindJsonTable, bindList, elementsOf, isJsonTable, jsonTableNames } from './json-table-functions.ts';
import { bindMysqlJsonTable } from './mysql-json-table.ts';
import type { Scope } from './scope.ts';
import type { TableAlias, TableCall } from './table-call.ts';
import { commonType, type Typed, typed } from './types.ts';

/** The parser leaves the words in the name where no LATERAL stands before it. */
const ordinalityForm = / WITH ORDINALITY$/i;

/** `unnest(list)`, `generate_series(a, b)` and PostgreSQL's functions over JSON: all that FROM may call. */
export function bindTableFunction(
  node: SyntaxNode,
  alias: TableAlias,
  before: Scope,
  context: BindContext,
  hasOrdinality = false,
): BoundRelation {
  const fields = context.fields(node);
  const written = kindOf(node) === 'unnest' ? 'unnest' : (fields.text('name') ?? kindOf(node));
  const name = written.replace(ordinalityForm, '').toLowerCase();
  const withOrdinality = hasOrdinality || ordinalityForm.test(written) || fields.flag('with_ordinality');
  const tableCall: TableCall = { fields, alias, withOrdinality, before, context };
  if (kindOf(node) === 'j_s_o_n_table') return bindMysqlJsonTable(tableCall);
  if (name === 'unnest' || isJsonTable(name, context.dialect)) return bindRows(name, tableCall);
  if (withOrdinality) throw fields.refuse(`${name} WITH ORDINALITY is not supported`, { name: 'WITH ORDINALITY' });
  if (name === 'generate_series' || (name === 'range' && context.dialect === 'duckdb'))
    return bindSeries(fields, name, alias, before, context);
  throw fields.refuse(`table function ${name} is not allowed`, {
    name,
    expected: [
      ...['unnest', 'generate_series'],
      ...(context.dialect === 'duckdb' ? ['range'] : []),
      ...(context.dialect === 'postgresql' ? jsonTableNames : []),
    ],
  });
}

function bindRows(name: string, tableCall: TableCall): BoundRelation {
  const { fields, before, context } = tableCall;
  const [first, ...more] = [fields.optional('this'), ...fields.list('args'), ...fields.list('expressions')].filter(
    (part) => part !== undefined,
  );
  fields.ignore('name', 'read by bindTableFunction');
  fields.finish();
  if (!first || more.length > 0) throw fields.refuse(`${name} takes one ${name === 'unnest' ? 'list' : 'JSON value'}`);
  const value = context.bind(first, before);
  return name === 'unnest' ? bindUnnest(value, tableCall) : bindJsonTable(name, value, tableCall);
}

/** DuckDB's dialect takes arrays of documents for lists; what is no array has no elements. */
function bindUnnest(value: Typed, tableCall: TableCall): BoundRelation {
  const { fields, alias, context } = tableCall;
  if (value.type === 'json' && context.dialect !== 'duckdb')
    throw fields.refuse('unnest takes a list, found a JSON value', {
      expected: context.dialect === 'postgresql' ? 'jsonb_array_elements' : 'JSON_TABLE',
      actual: 'json',
    });
  const column = context.dialect === 'postgresql' ? (alias.name ?? 'unnest') : 'unnest';
  if (value.type === 'json')
    return bindList({ name: 'unnest', list: elementsOf(value.node, 'json'), column, type: 'json' }, tableCall);
  const type = value.type.endsWith('[]') ? value.type.slice(0, -2) : 'unknown';
  return bindList({ name: 'unnest', list: value.node, column, type }, tableCall);
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
