import { documentColumn, HybridStoreError, type PlanExpression } from '@hybridstore/contracts';
import { call, choose, column, compare, nearestName, nullLiteral, text, tryCast } from '@hybridstore/plan';
import { type PathStep, readFieldPath } from './field-path.ts';

/**
 * What a field path of the DSL reads. A path that is a column reads it; a path whose first step is a JSON column, or any
 * path of a schema-less source, reads into the document. A value in a document has no declared type: it is compared as a
 * number with a number (texts that are numbers count) and as text with anything else.
 */
export type Field =
  | { readonly kind: 'typed'; readonly path: string; readonly value: PlanExpression; readonly type: string }
  | {
      readonly kind: 'document';
      readonly path: string;
      /** JSON value; null where it is absent or JSON null. */
      readonly json: PlanExpression;
      readonly text: PlanExpression;
      readonly number: PlanExpression;
      /** As JSON's own type name; null where the path is absent, `NULL` for JSON null. */
      readonly jsonType: PlanExpression;
    };

export type SourceColumns = readonly { readonly name: string; readonly type: string }[];
export type FieldScope = { readonly source: string; readonly alias: string; readonly columns: SourceColumns };

/** Throws `invalid_request` naming the field and the nearest column when the path leads nowhere. */
export function resolveField(path: string, scope: FieldScope): Field {
  const field = findField(path, scope);
  if (field) return field;
  const names = scope.columns.map(({ name }) => name);
  const nearest = nearestName(path, names);
  throw new HybridStoreError(
    'invalid_request',
    `field ${path}: source ${scope.source} has no such column${nearest === undefined ? '' : `, did you mean ${nearest}?`}`,
    {
      field: path,
      source_id: scope.source,
      expected: names.slice(0, 50),
      ...(nearest === undefined ? {} : { nearest }),
    },
  );
}

/**
 * What a path of the DSL means: a column of that name, else the column or the path into the JSON column that its first step
 * names, else, in a schema-less source, a path into the document. Undefined when it is none of them.
 */
export function findField(path: string, scope: FieldScope): Field | undefined {
  const exact = findColumn(path, scope.columns);
  if (exact && exact.type !== 'json')
    return { kind: 'typed', path, value: column(scope.alias, exact.name), type: exact.type };
  if (exact) return documentField(path, column(scope.alias, exact.name), []);
  const steps = readFieldPath(path);
  const [first = '', ...rest] = steps;
  const outer = findColumn(String(first), scope.columns);
  if (outer?.type === 'json') return documentField(path, column(scope.alias, outer.name), rest);
  if (outer && rest.length === 0)
    return { kind: 'typed', path, value: column(scope.alias, outer.name), type: outer.type };
  return isSchemaless(scope.columns) ? documentField(path, column(scope.alias, documentColumn), steps) : undefined;
}

export function isSchemaless(columns: SourceColumns): boolean {
  return columns.length === 1 && columns[0]?.name === documentColumn && columns[0].type === 'json';
}

function findColumn(name: string, columns: SourceColumns) {
  return (
    columns.find((known) => known.name === name) ??
    columns.find((known) => known.name.toLowerCase() === name.toLowerCase())
  );
}

function documentField(path: string, base: PlanExpression, steps: readonly PathStep[]): Field {
  const json: PlanExpression =
    steps.length === 0
      ? { kind: 'cast', value: base, type: 'json' }
      : { kind: 'json_path', value: base, path: steps, as: 'json' };
  const asText: PlanExpression =
    steps.length === 0
      ? { kind: 'cast', value: base, type: 'string' }
      : { kind: 'json_path', value: base, path: steps, as: 'text' };
  const jsonType = call('json_type', json);
  return {
    kind: 'document',
    path,
    json: choose(compare('ne', jsonType, text('NULL')), json),
    text: asText,
    number: tryCast(asText, 'double'),
    jsonType,
  };
}

/** Stands for a field that this source lacks, in a search over several. */
export function absentField(path: string): Field {
  return {
    kind: 'document',
    path,
    json: { kind: 'cast', value: nullLiteral, type: 'json' },
    text: nullLiteral,
    number: { kind: 'cast', value: nullLiteral, type: 'double' },
    jsonType: nullLiteral,
  };
}
