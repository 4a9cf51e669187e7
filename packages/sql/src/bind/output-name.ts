import { maskPrefix } from '../syntax/prepared-text.ts';
import { isNode, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindContext } from './context.ts';

const nameCharactersMax = 200;

/** An output's place in its block, and its text where the statement shows it (the outermost SELECT). */
export type OutputSlot = { readonly index: number; readonly text: string | undefined };

/**
 * The name of an output without an alias: a column's own name, the last step of a path; else its text, as MySQL and DuckDB
 * show it, or the function's name, as in PostgreSQL. What an inner SELECT cannot name by its text is `column_<index>`.
 */
export function outputName(item: SyntaxNode, slot: OutputSlot, context: BindContext): string {
  const kind = kindOf(item);
  const unnamed = slot.text ?? `column_${slot.index}`;
  if (kind === 'column') return context.fields(item).name('name') ?? unnamed;
  if (kind === 'dot') return context.fields(item).name('field') ?? unnamed;
  if (context.dialect === 'postgresql') return postgresName(item, slot, context);
  if (slot.text !== undefined) return literalText(item, context) ?? slot.text;
  if (kind === 'paren') return outputName(context.fields(item).required('this'), slot, context);
  return callText(item, context) ?? unnamed;
}

/** MySQL shows the value of a text, without its quotes. */
function literalText(item: SyntaxNode, context: BindContext): string | undefined {
  if (context.dialect !== 'mysql' || kindOf(item) !== 'literal') return undefined;
  const fields = context.fields(item);
  const value = fields.text('literal_type') === 'string' ? fields.text('value') : undefined;
  return value === '' ? undefined : value?.slice(0, nameCharactersMax);
}

/** As PostgreSQL's FigureColname: the function's, type's or column's own name, else `?column?`. */
function postgresName(item: SyntaxNode, slot: OutputSlot, context: BindContext): string {
  const kind = kindOf(item);
  const fields = context.fields(item);
  const inside = (name: string): string => {
    const node = fields.optional(name);
    return node && !weaklyNamed.has(kindOf(node)) ? outputName(node, { ...slot, text: undefined }, context) : unnamed;
  };
  switch (kind) {
    case 'paren':
      return outputName(fields.required('this'), slot, context);
    case 'case': {
      const otherwise = inside('else_');
      return otherwise === unnamed ? 'case' : otherwise;
    }
    case 'cast': {
      const value = inside('this');
      return value === unnamed ? castName(slot, fields.optional('to')) : value;
    }
    case 'window_function':
    case 'within_group':
    case 'filter':
      return calledName(slot) ?? inside('this');
    case 'subquery':
      return subqueryName(fields.required('this'), context);
    case 'array_func':
      return 'array';
    case 'exists':
    case 'interval':
      return kind;
  }
  if (operators.has(kind)) return unnamed;
  return calledName(slot) ?? functionName(item, context)?.toLowerCase() ?? unnamed;
}

const unnamed = '?column?';
/** A cast or a CASE around one of these takes its own name. */
const weaklyNamed = new Set(['cast', 'case', 'interval']);

/** `row_number() OVER (…)`: the word before the first parenthesis, or a word that calls without any (`current_date`). */
function calledName(slot: OutputSlot): string | undefined {
  return /^([a-z_]\w*)(?:\(|$)/i.exec(slot.text ?? '')?.[1]?.toLowerCase();
}

/** The block that a value comes from names it: `(SELECT max(a) FROM t)` is `max`. */
function subqueryName(query: SyntaxNode, context: BindContext): string {
  if (kindOf(query) !== 'select') return unnamed;
  const [first] = context.fields(query).list('expressions');
  if (!first) return unnamed;
  const alias = kindOf(first) === 'alias' ? context.fields(first).name('alias') : undefined;
  return alias ?? outputName(first, { index: 0, text: undefined }, context);
}

/** PostgreSQL's own names of types where it calls them otherwise than the standard. */
const typeNames: Readonly<Record<string, string>> = {
  int: 'int4',
  integer: 'int4',
  big_int: 'int8',
  small_int: 'int2',
  boolean: 'bool',
  double: 'float8',
  float: 'float4',
  decimal: 'numeric',
  var_char: 'varchar',
  char: 'bpchar',
};

function castName(slot: OutputSlot, type: SyntaxNode | undefined): string {
  // A literal with a sign is an expression to PostgreSQL.
  if (slot.text?.startsWith('-')) return unnamed;
  const name = String((type?.['data_type'] === 'custom' ? type['name'] : type?.['data_type']) ?? unnamed).toLowerCase();
  return typeNames[name] ?? name;
}

/** Name of the function that a node calls, as written where the parser kept it. */
function functionName(item: SyntaxNode, context: BindContext): string | undefined {
  const kind = kindOf(item);
  const fields = context.fields(item);
  const written = fields.value('name') ?? fields.value('original_name');
  if (typeof written === 'string') return written.startsWith(maskPrefix) ? written.slice(maskPrefix.length) : written;
  const isCall = ['this', 'expression', 'expressions', 'args', 'star'].some(
    (field) => fields.value(field) !== undefined,
  );
  return isCall && !operators.has(kind) ? kind : undefined;
}

/** Kinds that are no calls although they hold operands. */
const operators = new Set([
  'literal',
  'add',
  'sub',
  'mul',
  'div',
  'mod',
  'eq',
  'neq',
  'lt',
  'lte',
  'gt',
  'gte',
  'and',
  'or',
  'not',
  'neg',
  'in',
  'between',
  'is_null',
  'is_true',
  'is_false',
  'like',
  'i_like',
  'concat',
  'exists',
  'subquery',
  'paren',
  'subscript',
  'json_extract',
  'json_extract_scalar',
  'interval',
  'boolean',
  'null',
  'int_div',
  'power',
  'case',
  'cast',
  'array_func',
  'tuple',
  'regexp_like',
  'bitwise_and',
  'bitwise_or',
  'bitwise_xor',
  'bitwise_not',
  'bitwise_left_shift',
  'bitwise_right_shift',
  'json_extract_path',
  'parameter',
]);

/** `SUM(amount)`: a call of plain columns, put together as it stands in the statement. */
function callText(item: SyntaxNode, context: BindContext): string | undefined {
  if (kindOf(item) === 'window_function') return callText(context.fields(item).required('this'), context);
  const name = functionName(item, context);
  if (name === undefined) return undefined;
  const fields = context.fields(item);
  // Only a name is made here, of any kind of node: what these fields hold is refused where the node is bound.
  const parts = ['this', 'expression', 'args', 'expressions']
    .flatMap((field) => fields.value(field) ?? [])
    .map((part) => (isNode(part) ? argumentText(part, context) : undefined));
  if (parts.some((part) => part === undefined)) return undefined;
  const distinct = fields.value('distinct') === true ? 'DISTINCT ' : '';
  return `${name}(${distinct}${fields.value('star') === true ? '*' : parts.join(', ')})`.slice(0, nameCharactersMax);
}

function argumentText(node: SyntaxNode, context: BindContext): string | undefined {
  const fields = context.fields(node);
  switch (kindOf(node)) {
    case 'column': {
      const table = fields.name('table');
      return `${table === undefined ? '' : `${table}.`}${fields.name('name')}`;
    }
    case 'literal':
      return fields.text('literal_type') === 'number' ? fields.text('value') : `'${fields.text('value')}'`;
    default:
      return callText(node, context);
  }
}
