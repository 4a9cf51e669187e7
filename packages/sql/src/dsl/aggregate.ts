import {
  type AggregateQuery,
  type Filter,
  HybridStoreError,
  type PlanExpression,
  type PlanQuery,
  type Projection,
  type SortKey,
} from '@hybridstore/contracts';
import type { ParameterList } from '@hybridstore/plan';
import { call, documentNumber, extremeOf, integer, isNull, tryCast } from '@hybridstore/plan';
import { type Field, type FieldScope, resolveField } from './field.ts';
import { compileFilters } from './filter.ts';
import { bucketField } from './time-bucket.ts';

export type AggregateSpecification = Pick<
  AggregateQuery,
  'source' | 'group_by' | 'aggregations' | 'order_by' | 'limit' | 'offset'
> & { readonly filters: readonly Filter[]; readonly having: readonly Filter[]; readonly depthMax?: number };

/** Groups are named by their path or alias, aggregations by their alias or `function_field` (`count` for all rows). */
export function compileAggregation(
  spec: AggregateSpecification,
  scope: FieldScope,
  parameters: ParameterList,
): PlanQuery {
  const depth = spec.depthMax === undefined ? {} : { depthMax: spec.depthMax };
  const where = compileFilters(spec.filters, { resolve: (path) => resolveField(path, scope), parameters, ...depth });
  const groups = (spec.group_by ?? []).map((group) =>
    typeof group === 'string'
      ? groupField(resolveField(group, scope))
      : bucketField(group, resolveField(group.field, scope)),
  );
  const aggregates = spec.aggregations.map((aggregation) => aggregateField(aggregation, scope));
  const outputs = new OutputFields([...groups, ...aggregates]);
  const having = compileFilters(spec.having, { resolve: (path) => outputs.resolve(path), parameters, ...depth });
  return {
    kind: 'query',
    body: {
      kind: 'select',
      projections: outputs.projections(),
      from: { kind: 'scan', source: spec.source, alias: scope.alias, columns: scope.columns.map(({ name }) => name) },
      ...(where ? { where } : {}),
      ...(groups.length > 0 ? { groupBy: groups.map((group) => ({ kind: 'key', value: outputValue(group) })) } : {}),
      ...(having ? { having } : {}),
    },
    ...(spec.order_by ? { orderBy: spec.order_by.map((key) => outputs.sortKey(key)) } : {}),
    ...(spec.limit === undefined ? {} : { limit: integer(spec.limit) }),
    ...(spec.offset === undefined ? {} : { offset: integer(spec.offset) }),
  };
}

/** A group of a document path is the JSON value itself, so that numbers stay numbers; compared in `having` as text or number. */
function groupField(field: Field): Field {
  if (field.kind === 'typed') return field;
  const asText = call('json_extract_string', field.json, textRoot);
  return { ...field, text: asText, number: tryCast(asText, 'double'), jsonType: call('json_type', field.json) };
}
const textRoot: PlanExpression = { kind: 'literal', type: 'string', value: '$' };

function outputValue(field: Field): PlanExpression {
  return field.kind === 'typed' ? field.value : field.json;
}

function aggregateField(aggregation: AggregateQuery['aggregations'][number], scope: FieldScope): Field {
  const { function: name, field: path } = aggregation;
  const alias = aggregation.alias ?? (path === '*' ? name : `${name}_${path}`);
  if (path === '*') {
    if (name !== 'count')
      throw new HybridStoreError('invalid_request', `${name}(*): only count takes *`, {
        field: alias,
        expected: 'a field name',
      });
    return { kind: 'typed', path: alias, value: call('count'), type: 'bigint' };
  }
  const field = resolveField(path, scope);
  if (name === 'count' || name === 'count_distinct') {
    const counted = field.kind === 'typed' ? field.value : field.json;
    return {
      kind: 'typed',
      path: alias,
      value: { ...call('count', counted), distinct: name === 'count_distinct' },
      type: 'bigint',
    };
  }
  if (field.kind === 'document' && (name === 'min' || name === 'max')) return documentExtreme(name, field, alias);
  requireNumbers(name, field);
  const value = field.kind === 'typed' ? field.value : field.number;
  const inherits = name === 'min' || name === 'max' || name === 'sum';
  const type = field.kind === 'typed' && inherits ? field.type : 'double';
  return { kind: 'typed', path: alias, value: call(duckdbNames[name] ?? name, value), type };
}

const duckdbNames: Readonly<Record<string, string>> = { stddev: 'stddev_samp', variance: 'var_samp' };
const ordered = new Set(['min', 'max', 'median']);

function requireNumbers(name: string, field: Field): void {
  if (field.kind === 'document' || ordered.has(name)) return;
  const isNumber = ['integer', 'bigint', 'double'].includes(field.type) || field.type.startsWith('decimal');
  if (!isNumber)
    throw new HybridStoreError(
      'invalid_request',
      `${name}(${field.path}): expected a number column, found ${field.type}`,
      {
        field: field.path,
        expected: 'number',
        actual: field.type,
      },
    );
}

/** Least or greatest of a document path: by number where every value is one, else by text. */
function documentExtreme(name: 'min' | 'max', field: Extract<Field, { kind: 'document' }>, alias: string): Field {
  const value = extremeOf(name, field.text, call);
  const asText = call('json_extract_string', value, textRoot);
  return {
    kind: 'document',
    path: alias,
    json: value,
    text: asText,
    number: tryCast(asText, 'double'),
    jsonType: call('json_type', value),
  };
}

/** Outputs by name, for `having` and `order_by`. */
class OutputFields {
  readonly #fields: readonly Field[];

  constructor(fields: readonly Field[]) {
    const names = new Set<string>();
    for (const { path } of fields) {
      if (names.has(path))
        throw new HybridStoreError('invalid_request', `output ${path} appears twice; give one an alias`, {
          field: path,
        });
      names.add(path);
    }
    this.#fields = fields;
  }

  resolve(path: string): Field {
    const field = this.#fields.find((known) => known.path === path);
    if (field) return field;
    throw new HybridStoreError('invalid_request', `field ${path}: expected one of the outputs`, {
      field: path,
      expected: this.#fields.map((known) => known.path),
    });
  }

  projections(): readonly Projection[] {
    return this.#fields.map((field) => ({ name: field.path, value: outputValue(field) }));
  }

  sortKey(key: NonNullable<AggregateQuery['order_by']>[number]): SortKey {
    const field = this.resolve(key.field);
    const value: PlanExpression = { kind: 'output', index: this.#fields.indexOf(field) };
    const direction = key.direction ?? 'asc';
    return { value, direction, nulls: key.nulls ?? 'last' };
  }
}

/** Sorting keys of a field: a document path sorts numbers by value before texts. */
export function fieldSortKeys(field: Field, key: NonNullable<AggregateQuery['order_by']>[number]): readonly SortKey[] {
  const direction = key.direction ?? 'asc';
  const nulls = key.nulls ?? 'last';
  if (field.kind === 'typed') return [{ value: field.value, direction, nulls }];
  const absent: SortKey = { value: isNull(field.text), direction: nulls === 'last' ? 'asc' : 'desc', nulls: 'last' };
  const { near, exact } = documentNumber(field.text);
  return [absent, ...[near, exact, field.text].map((value): SortKey => ({ value, direction, nulls: 'last' }))];
}
