import { maskPrefix } from '../sql/prepared-text.ts';
import { kindOf, type SyntaxNode } from '../sql/syntax-tree.ts';
import type { BindContext } from './context.ts';

const nameCharactersMax = 200;

/**
 * The name of an output without an alias: a column's own name, the last step of a path; else the text as written where it
 * can be told (the outermost SELECT), which is what MySQL and DuckDB show, or the function's name, as in PostgreSQL.
 */
export function outputName(item: SyntaxNode, index: number, context: BindContext): string {
  const kind = kindOf(item);
  if (kind === 'column') return context.fields(item).name('name') ?? `column_${index}`;
  if (kind === 'dot') return context.fields(item).name('field') ?? `column_${index}`;
  if (kind === 'paren') return outputName(context.fields(item).required('this'), index, context);
  if (context.dialect === 'postgresql') return postgresName(item, context);
  return callText(item, context) ?? `column_${index}`;
}

function postgresName(item: SyntaxNode, context: BindContext): string {
  const kind = kindOf(item);
  const fields = context.fields(item);
  if (kind === 'case') return 'case';
  if (kind === 'cast' || kind === 'window_function' || kind === 'within_group' || kind === 'filter')
    return outputName(fields.required('this'), 0, context);
  return functionName(item, context)?.toLowerCase() ?? '?column?';
}

/** Name of the function that a node calls, as written where the parser kept it. */
export function functionName(item: SyntaxNode, context: BindContext): string | undefined {
  const kind = kindOf(item);
  const fields = context.fields(item);
  const written = fields.text('name') ?? fields.text('original_name');
  if (written !== undefined) return written.startsWith(maskPrefix) ? written.slice(maskPrefix.length) : written;
  const isCall = ['this', 'expression', 'expressions', 'args', 'star'].some(
    (field) => fields.value(field) !== undefined,
  );
  return isCall && !notCalls.has(kind) ? kind : undefined;
}

const notCalls = new Set([
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
]);

/** `SUM(amount)`: a call of plain columns, put together as it stands in the statement. */
function callText(item: SyntaxNode, context: BindContext): string | undefined {
  if (kindOf(item) === 'window_function') return callText(context.fields(item).required('this'), context);
  const name = functionName(item, context);
  if (name === undefined) return undefined;
  const fields = context.fields(item);
  const parts = [
    fields.optional('this'),
    fields.optional('expression'),
    ...fields.list('args'),
    ...fields.list('expressions'),
  ]
    .filter((part) => part !== undefined)
    .map((part) => argumentText(part, context));
  if (parts.some((part) => part === undefined)) return undefined;
  const distinct = fields.flag('distinct') ? 'DISTINCT ' : '';
  return `${name}(${distinct}${fields.flag('star') ? '*' : parts.join(', ')})`.slice(0, nameCharactersMax);
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
