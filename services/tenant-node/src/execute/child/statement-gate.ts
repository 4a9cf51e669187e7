import { isRecord } from '@hybridstore/runtime';

/**
 * The third gate before a statement runs: DuckDB's own parser has read the printed text, and what it read is walked
 * here. The interpreter's check and the plan's check may both be wrong about what text means to DuckDB; its parse
 * cannot be.
 *
 *   SELECT upper(name) FROM s0 WHERE id IN (SELECT id FROM t)
 *
 *   SELECT_NODE                      a kind of query?       yes
 *     FUNCTION upper                 a function on the list, of no other schema or catalog?   yes
 *     BASE_TABLE s0                  a view of this query?  yes
 *     SUBQUERY ▸ BASE_TABLE t        a view, or a CTE that is declared here or above?         no: refused
 *
 * Everything is admitted by list: kinds of queries, tables and expressions, functions, names of tables. What the walk does
 * not know, it refuses, so a newer DuckDB with another kind of node refuses too much and never too little. Left out on
 * purpose: types, columns and whether the statement makes sense. DuckDB's binder judges those, over nothing but the views.
 */
export type GateRules = {
  /** Relations that the text may name, beside its own CTEs. */
  readonly views: ReadonlySet<string>;
  /** DuckDB names of scalar, aggregate, window and table functions. */
  readonly functions: ReadonlySet<string>;
};

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const queryNodes = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE', 'CTE_NODE']);
const tableReferences = new Set([
  'BASE_TABLE',
  'SUBQUERY',
  'JOIN',
  'EMPTY',
  'EXPRESSION_LIST',
  'TABLE_FUNCTION',
  'CTE',
]);
const expressionClasses = new Set([
  'AGGREGATE',
  'BETWEEN',
  'CASE',
  'CAST',
  'COLLATE',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'DEFAULT',
  'FUNCTION',
  'LAMBDA',
  'LAMBDA_REF',
  'OPERATOR',
  'PARAMETER',
  'POSITIONAL_REFERENCE',
  'STAR',
  'SUBQUERY',
  'TYPE',
  'WINDOW',
]);
/** A statement is at most 64 KB of text; its tree is far below this. */
const depthMax = 2_000;

/** Why a statement, as given by `json_serialize_sql`, may not run; undefined when it may. */
export function findViolation(serialized: string, rules: GateRules): string | undefined {
  const parsed: JsonObject = JSON.parse(serialized);
  if (parsed['error'] !== false) return `not a readable SELECT: ${text(parsed['error_message']).slice(0, 200)}`;
  const statements = parsed['statements'];
  const [statement, second] = isList(statements) ? statements : [];
  if (statement === undefined || second !== undefined) return 'expected exactly one statement';
  try {
    walk(statement, { rules, tables: rules.views, depth: 0 });
    return undefined;
  } catch (violation) {
    if (violation instanceof Violation) return violation.message;
    throw violation;
  }
}

class Violation extends Error {}

type Scope = { readonly rules: GateRules; readonly tables: ReadonlySet<string>; readonly depth: number };

function walk(value: Json, scope: Scope): void {
  if (value === null || typeof value !== 'object') return;
  if (scope.depth > depthMax) throw new Violation(`nested deeper than ${depthMax} levels`);
  const inner = { ...scope, depth: scope.depth + 1 };
  if (isList(value)) {
    for (const item of value) walk(item, inner);
    return;
  }
  const visible = { ...inner, tables: withCommonTables(value, scope.tables) };
  requireKnown(value, visible);
  for (const [key, child] of Object.entries(value)) if (!isOpaque(value, key)) walk(child, visible);
}

/** Constants hold values and types hold names of types; neither names a table or a function. */
function isOpaque(node: JsonObject, key: string): boolean {
  return (node['class'] === 'CONSTANT' && key === 'value') || key === 'cast_type' || key === 'cte_map_keys';
}

/** CTEs are visible in the query node that declares them and below, and in one another (a recursive one in itself). */
function withCommonTables(node: JsonObject, tables: ReadonlySet<string>): ReadonlySet<string> {
  const names: string[] = [];
  const map = node['cte_map'];
  const entries = isRecord(map) && isList(map['map']) ? map['map'] : [];
  for (const entry of entries) if (isRecord(entry)) names.push(text(entry['key']));
  if (typeof node['cte_name'] === 'string') names.push(node['cte_name']);
  if (typeof node['ctename'] === 'string') names.push(node['ctename']);
  return names.length === 0 ? tables : new Set([...tables, ...names]);
}

function requireKnown(node: JsonObject, scope: Scope): void {
  const type = node['type'];
  if (typeof node['class'] === 'string') requireExpression(node, scope);
  else if ('function_name' in node) requireFunction(node, scope);
  else if (typeof type === 'string' && 'sample' in node && ('alias' in node || 'query_location' in node))
    requireTable(node, type, scope);
  else if (typeof type === 'string' && 'cte_map' in node && !queryNodes.has(type))
    throw new Violation(`${type} is not a kind of query that may run`);
  if ('node' in node && isRecord(node['node']) && !queryNodes.has(text(node['node']['type'])))
    throw new Violation(`${text(node['node']['type'])} is not a kind of query that may run`);
}

function requireExpression(node: JsonObject, scope: Scope): void {
  const kind = text(node['class']);
  if (!expressionClasses.has(kind)) throw new Violation(`${kind} is not a kind of expression that may run`);
  if ('function_name' in node) requireFunction(node, scope);
}

function requireFunction(node: JsonObject, scope: Scope): void {
  const name = text(node['function_name']).toLowerCase();
  const place = text(node['schema'] ?? '');
  if (place !== '' && place !== 'main') throw new Violation(`function ${place}.${name} may not be called`);
  if (text(node['catalog'] ?? '') !== '') throw new Violation(`function ${name} may not be called by catalog`);
  if (!scope.rules.functions.has(name)) throw new Violation(`function ${name} may not be called`);
}

function requireTable(node: JsonObject, type: string, scope: Scope): void {
  if (!tableReferences.has(type)) throw new Violation(`${type} is not a kind of table that may be read`);
  if (type !== 'BASE_TABLE') return;
  const name = text(node['table_name']);
  if (text(node['schema_name']) !== '' || text(node['catalog_name']) !== '')
    throw new Violation(`table ${name} may not be named by schema or catalog`);
  if (!scope.tables.has(name)) throw new Violation(`table ${name} is not one of this query`);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
