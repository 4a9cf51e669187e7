import { madeUpName } from '@hybridstore/plan';

/**
 * The third gate before a statement runs: DuckDB's own parser has read the printed text, and what it read is walked
 * here. The interpreter's check and the plan's check may both be wrong about what text means to DuckDB; its parse
 * cannot be.
 *
 *   WITH RECURSIVE _w0 AS (SELECT … UNION ALL SELECT … FROM _w0 AS _r0) SELECT upper(_r1._c0) AS _c0 FROM _s0 AS _r1, t
 *
 *   SELECT_NODE                          a kind of query?       yes
 *     RECURSIVE_CTE_NODE ▸ _w0           its own name, in its right arm?                       yes
 *     FUNCTION upper                     a function on the list, of no other schema or catalog?   yes
 *     BASE_TABLE _s0                     a view of this query?  yes
 *     BASE_TABLE t                       a made-up name?        no: refused
 *
 * Everything is admitted by list: kinds of queries, tables and expressions, functions, tables, and the keys under which
 * text may stand at all; a name must be one that the printer makes up, and a table one that is in scope where the engine's
 * binder looks for it. What the walk does not know, it refuses, so a newer DuckDB with another kind of node refuses too
 * much and never too little. Left out on purpose: types, columns and whether the statement makes sense. DuckDB's binder
 * judges those, over nothing but the views.
 */
export type GateRules = {
  /** Relations that the text may name, beside its own CTEs. */
  readonly views: ReadonlySet<string>;
  /** DuckDB names of scalar, aggregate, window and table functions. */
  readonly functions: ReadonlySet<string>;
};

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const queryNodes = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE']);
const tableReferences = new Set(['BASE_TABLE', 'SUBQUERY', 'JOIN', 'EMPTY', 'EXPRESSION_LIST', 'TABLE_FUNCTION']);
const tableFunctions = new Set(['range', 'generate_series']);
const expressionClasses = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'FUNCTION',
  'LAMBDA',
  'OPERATOR',
  'PARAMETER',
  'STAR',
  'SUBQUERY',
  'WINDOW',
]);
/** Keys of words that the engine itself has chosen from its own lists. */
const engineWords = new Set([
  'type',
  'class',
  'null_order',
  'aggregate_handling',
  'materialized',
  'join_type',
  'ref_type',
  'with_ordinality',
  'start',
  'end',
  'exclude_clause',
  'subquery_type',
  'comparison_type',
  'setop_type',
  'delim_flipped',
]);
/** Keys of names that the text gives, all of which are made up. */
const nameKeys = new Set([
  'alias',
  'aliases',
  'cte_name',
  'table_name',
  'column_names',
  'column_name_alias',
  'using_columns',
]);
/** Keys under which a parameter stands by its number. */
const parameterKeys = new Set(['identifier', 'key']);
/** What the engine's parser calls a list of VALUES. */
const parserAlias = 'valueslist';
/** Keys whose text is judged with the node that holds it. */
const judgedKeys = new Set(['function_name', 'schema', 'catalog', 'schema_name', 'catalog_name']);
/** A statement is at most 64 KB of text; its tree is far below this. */
const depthMax = 2_000;

/** Why a statement, as given by `json_serialize_sql`, may not run; undefined when it may. */
export function findViolation(serialized: string, rules: GateRules): string | undefined {
  const parsed: JsonObject = JSON.parse(serialized);
  if (parsed['error'] !== false) return 'not a readable SELECT';
  const statements = parsed['statements'];
  const [statement, second] = isList(statements) ? statements : [];
  if (statement === undefined || second !== undefined) return 'expected exactly one statement';
  try {
    requireStatement(statement);
    walk(statement, '', { rules, tables: rules.views, depth: 0 });
    return undefined;
  } catch (violation) {
    if (violation instanceof Violation) return violation.message;
    throw violation;
  }
}

class Violation extends Error {}

/** Where the walk begins: a statement whose node is a query. */
function requireStatement(statement: Json): void {
  const query = isNode(statement) ? statement['node'] : undefined;
  if (!isNode(query) || !('cte_map' in query)) throw new Violation('expected a query');
}

type Scope = { readonly rules: GateRules; readonly tables: ReadonlySet<string>; readonly depth: number };

function walk(value: Json, key: string, outer: Scope): void {
  if (typeof value === 'string') requireText(key, value);
  if (value === null || typeof value !== 'object') return;
  if (outer.depth > depthMax) throw new Violation(`nested deeper than ${depthMax} levels`);
  const scope = { ...outer, depth: outer.depth + 1 };
  if (isList(value)) for (const item of value) walk(item, key, scope);
  else if ('cte_map' in value) walkQuery(value, scope);
  else walkNode(value, scope);
}

function walkNode(node: JsonObject, scope: Scope): void {
  requireKnown(node, scope);
  for (const [key, child] of Object.entries(node)) {
    if (isOpaque(node, key)) continue;
    if (key === 'children' && node['function_name'] === 'struct_pack') walkFields(child, scope);
    else walk(child, key, scope);
  }
}

/** Names of a struct's fields are values, and the only names that a user may choose. */
function walkFields(fields: Json, scope: Scope): void {
  if (!isList(fields)) throw new Violation('fields that cannot be read');
  for (const field of fields) walk(isNode(field) ? { ...field, alias: '' } : field, 'children', scope);
}

/**
 * Each entry of WITH is known to those behind it and to the query that declares it, a recursive one also to itself, in its
 * right arm.
 */
function walkQuery(node: JsonObject, outer: Scope): void {
  requireQuery(node);
  let scope = outer;
  for (const [name, entry] of commonTables(node)) {
    requireName('cte_map', name);
    walk(entry, 'value', scope);
    scope = { ...scope, tables: new Set([...scope.tables, name]) };
  }
  const own = text(node['cte_name']);
  for (const [key, child] of Object.entries(node)) {
    if (key === 'cte_map') continue;
    const isRightArm = node['type'] === 'RECURSIVE_CTE_NODE' && key === 'right';
    walk(child, key, isRightArm ? { ...scope, tables: new Set([...scope.tables, own]) } : scope);
  }
}

function commonTables(node: JsonObject): readonly (readonly [name: string, entry: Json])[] {
  const map = node['cte_map'];
  const entries = isNode(map) ? map['map'] : undefined;
  if (!isList(entries)) throw new Violation('common tables that cannot be read');
  return entries.map((entry) => {
    if (!isNode(entry)) throw new Violation('a common table that cannot be read');
    return [text(entry['key']), entry['value'] ?? null];
  });
}

/** Constants hold values and types hold names of types; neither names a table or a function. */
function isOpaque(node: JsonObject, key: string): boolean {
  return (node['class'] === 'CONSTANT' && key === 'value') || (node['class'] === 'CAST' && key === 'cast_type');
}

/** No text stands under a key that is not known: each is a word of the engine, a made-up name, or judged with its node. */
function requireText(key: string, value: string): void {
  if (value === '' || engineWords.has(key) || judgedKeys.has(key)) return;
  if (nameKeys.has(key)) requireName(key, value);
  else if (!parameterKeys.has(key) || !/^\d+$/.test(value)) throw new Violation(`${key} may hold no text`);
}

function requireName(key: string, name: string): void {
  if (!madeUpName.test(name) && name !== parserAlias)
    throw new Violation(`${key} ${name.slice(0, 100)} is not a name of this query`);
}

function requireQuery(node: JsonObject): void {
  const type = text(node['type']);
  if (!queryNodes.has(type)) throw new Violation(`${type} is not a kind of query that may run`);
}

function requireKnown(node: JsonObject, scope: Scope): void {
  const type = node['type'];
  if (typeof node['class'] === 'string') requireExpression(node, scope);
  else if ('function_name' in node) requireFunction(node, scope);
  else if (typeof type === 'string' && 'sample' in node) requireTable(node, type, scope);
}

function requireExpression(node: JsonObject, scope: Scope): void {
  const kind = text(node['class']);
  if (!expressionClasses.has(kind)) throw new Violation(`${kind} is not a kind of expression that may run`);
  if ('function_name' in node) requireFunction(node, scope);
  if (kind === 'STAR' && !isPlainStar(node)) throw new Violation('only a bare * may stand for columns');
}

function isPlainStar(node: JsonObject): boolean {
  const lists = ['exclude_list', 'replace_list', 'qualified_exclude_list', 'rename_list'];
  const isBare = lists.every((key) => isList(node[key]) && node[key].length === 0);
  return isBare && node['columns'] === false && node['expr'] === null;
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
  if (type === 'TABLE_FUNCTION') requireTableFunction(node['function']);
  if (type !== 'BASE_TABLE') return;
  const name = text(node['table_name']);
  if (text(node['schema_name']) !== '' || text(node['catalog_name']) !== '')
    throw new Violation(`table ${name} may not be named by schema or catalog`);
  if (!scope.tables.has(name)) throw new Violation(`table ${name} is not one of this query`);
}

/** A scalar's name may be that of a table macro as well, which reads tables by their names. */
function requireTableFunction(call: Json | undefined): void {
  const name = isNode(call) ? text(call['function_name']).toLowerCase() : '';
  if (!tableFunctions.has(name)) throw new Violation(`function ${name} may not be called as a table`);
}

function isNode(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
