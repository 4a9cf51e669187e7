import type { PlanExpression, PlanRelation, SelectBody } from '@hybridstore/contracts';
import { cast, column, isNull } from '@hybridstore/plan';
import type { Fields, SyntaxNode } from '../syntax/syntax-tree.ts';
import { type BoundRelation, single } from './bound-relation.ts';
import { jsonSteps, pathSteps, readJson } from './columns.ts';
import { elementsOf } from './json-table-functions.ts';
import { columnType } from './mysql-json-columns.ts';
import type { TableCall } from './table-call.ts';
import { isText, type Typed, typed } from './types.ts';

/**
 * MySQL's table of a document: a row for each value at the path, a column for each path into that value.
 *
 *     JSON_TABLE(doc, '$.items[*]' COLUMNS (n FOR ORDINALITY, name VARCHAR(40) PATH '$.name')) AS t
 *
 *     LATERAL (SELECT ordinality AS n, … AS name FROM unnest(elements of doc.items)) AS t
 */
export function bindMysqlJsonTable(tableCall: TableCall): BoundRelation {
  const { fields, alias, before, context } = tableCall;
  if (alias.name === undefined) throw fields.refuse('JSON_TABLE needs an alias', { expected: 'JSON_TABLE(…) AS name' });
  if (alias.columns.length > 0)
    throw fields.refuse('JSON_TABLE names its columns in COLUMNS, not in its alias', { expected: 'COLUMNS (…)' });
  const document = documentOf(context.bind(fields.required('this'), before), tableCall);
  const list = rowsOf(document, fields.required('path'), tableCall);
  const definitions = definitionsOf(tableCall);
  fields.finish();
  const unnested = { alias: context.uniqueName('json_table'), column: 'element', ordinality: 'ordinality' };
  const columns = definitions.map((definition) => bindColumnOf(definition, unnested, tableCall));
  for (const [index, { name }] of columns.entries())
    if (columns.slice(0, index).some((earlier) => earlier.name.toLowerCase() === name.toLowerCase()))
      throw context.refuseAt(context.position(definitions[index]), `JSON_TABLE: column ${name} is named twice`, {
        name,
        expected: 'distinct names',
      });
  const from: PlanRelation = { kind: 'unnest', value: list, ...unnested };
  const body: SelectBody = {
    kind: 'select',
    from,
    // JSON's own null is a value; NULL is what a path without a wildcard finds where nothing is.
    where: isNull(column(unnested.alias, unnested.column), true),
    projections: columns.map(({ name, value }) => ({ name, value })),
  };
  const relation: PlanRelation = {
    kind: 'derived',
    query: { kind: 'query', body },
    alias: context.uniqueName(alias.name),
    columns: columns.map(({ name }) => name),
    lateral: true,
  };
  return single(
    relation,
    alias.name,
    columns.map(({ name, type }) => ({ name, ref: name, type })),
  );
}

function definitionsOf({ fields, context }: TableCall): readonly SyntaxNode[] {
  const schema = fields.optional('schema');
  const definitions = schema ? context.items(schema) : [];
  if (definitions.length > 0) return definitions;
  throw context.refuseAt(context.text.callOf('json_table'), 'JSON_TABLE needs columns', { expected: 'COLUMNS (…)' });
}

/** A text is read as JSON; one of the statement that is none is refused. */
function documentOf(value: Typed, { fields, context }: TableCall): Typed {
  if (value.type === 'json') return value;
  if (!isText(value.type) && value.type !== 'null')
    throw fields.refuse(`JSON_TABLE takes a JSON value, found one of type ${value.type}`, {
      expected: 'json',
      actual: value.type,
    });
  if (value.node.kind === 'literal' && typeof value.node.value === 'string' && !isJson(value.node.value))
    throw context.refuseAt(context.text.callOf('json_table'), 'JSON_TABLE: the text is not JSON', {
      expected: 'a JSON text',
      actual: value.node.value.slice(0, 100),
    });
  return typed(cast(value.node, 'json'), 'json');
}

function isJson(content: string): boolean {
  try {
    JSON.parse(content);
    return true;
  } catch {
    return false;
  }
}

/** Steps, then the first wildcard and all behind it, which the engine follows. */
const wildcardForm = /^(\$(?:\.(?:"(?:[^"\\]|\\.)*"|[^.[\]"*]+)|\[\d{1,7}\])*)((?:\[\*\]|\.\*).*)$/s;
const restForm = /^(?:\[\*\]|\.\*|\[\d{1,7}\]|\.[A-Za-z_]\w*)+$/;

/** What the path finds, as a list: with a wildcard all that it matches, without one the value, null where nothing is there. */
function rowsOf(document: Typed, path: SyntaxNode, { fields, before, context }: TableCall): PlanExpression {
  const site = { fields, scope: before, context };
  const content = textOfPath(path, site.context);
  const [, beginning, rest] = wildcardForm.exec(content) ?? [];
  if (beginning === undefined || rest === undefined) {
    const value = readJson(document, jsonSteps(path, site, 'path'), 'json').node;
    return { kind: 'array', items: [value] };
  }
  if (!restForm.test(rest))
    throw fields.refuse(`${content.slice(0, 100)} is not a JSON path that is supported`, {
      expected: '$.key[*].key',
      actual: content.slice(0, 100),
    });
  return elementsOf(readJson(document, pathSteps(beginning, site), 'json').node, 'json', `$${rest}`);
}

function textOfPath(path: SyntaxNode, context: TableCall['context']): string {
  const literal = context.fields(path);
  const [type, content] = [literal.value('literal_type'), literal.text('value')];
  literal.finish();
  if (type === 'string' && content !== undefined) return content;
  throw literal.refuse('a JSON path must be a text', { expected: '$.path' });
}

type Unnested = { readonly alias: string; readonly column: string; readonly ordinality: string };
type JsonColumn = { readonly name: string; readonly type: string; readonly value: PlanExpression };

function bindColumnOf(node: SyntaxNode, unnested: Unnested, { before, context }: TableCall): JsonColumn {
  const fields = context.fields(node);
  fields.refuseField('nested_schema');
  const name = nameOf(fields.required('this'), context);
  if (isOrdinality(fields, context)) {
    fields.finish();
    return { name, type: 'bigint', value: column(unnested.alias, unnested.ordinality) };
  }
  const [type, path] = [fields.text('kind'), fields.optional('path')];
  fields.finish();
  if (type === undefined || !path)
    throw fields.refuse(`JSON_TABLE: column ${name} needs a type and a PATH`, {
      name,
      expected: "name TYPE PATH '$.key'",
    });
  const element = typed(column(unnested.alias, unnested.column), 'json');
  const steps = jsonSteps(path, { fields, scope: before, context }, 'path');
  const target = columnType(type, fields);
  return { name, type: target.type, value: target.read(readJson(element, steps, 'json')) };
}

function isOrdinality(column: Fields, context: TableCall['context']): boolean {
  const ordinality = column.optional('ordinality');
  if (!ordinality) return false;
  const word = context.fields(ordinality);
  const isIt = word.flag('value');
  word.finish();
  return isIt;
}

function nameOf(node: SyntaxNode, context: TableCall['context']): string {
  const identifier = context.fields(node);
  const name = identifier.text('name') ?? '';
  identifier.finish();
  return name;
}
