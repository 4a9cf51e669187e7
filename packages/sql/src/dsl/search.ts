import {
  type Filter,
  HybridStoreError,
  type PlanQuery,
  type Projection,
  type SearchQuery,
  type SelectBody,
  type SortKey,
} from '@hybridstore/contracts';
import type { ParameterList } from '@hybridstore/plan';
import { call, cast, column, integer, text, tryCast } from '@hybridstore/plan';
import { fieldSortKeys } from './aggregate.ts';
import { absentField, type Field, type FieldScope, findField, resolveField } from './field.ts';
import { compileFilters } from './filter.ts';
import { recordJson } from './record-json.ts';

export type SearchSpecification = {
  readonly filters: readonly Filter[];
  readonly columns?: readonly string[];
  readonly orderBy: NonNullable<SearchQuery['order_by']>;
  readonly limit?: number;
  readonly offset?: number;
  readonly depthMax?: number;
  /** Name of the output that holds the record as JSON. */
  readonly recordName: string;
};

/** Rows (`source_id`, record as JSON) of several sources. A field that only some of them have is null in the others. */
export function compileSearchQuery(
  spec: SearchSpecification,
  scopes: readonly FieldScope[],
  parameters: ParameterList,
): PlanQuery {
  const twice = spec.columns?.find((path, index) => spec.columns?.indexOf(path) !== index);
  if (twice !== undefined)
    throw new HybridStoreError('invalid_request', `columns: expected each field once, found ${twice} twice`, {
      field: 'columns',
      actual: twice,
    });
  const [only] = scopes;
  if (scopes.length === 1 && only) return searchOne(spec, only, parameters);
  const resolve = (path: string, scope: FieldScope): Field => {
    const found = findField(path, scope);
    if (found) return found;
    const isKnown = scopes.some((other) => findField(path, other));
    return isKnown ? absentField(path) : resolveField(path, scope);
  };
  const branches = scopes.map((scope) => {
    const sorted = spec.orderBy.map((key) => resolve(key.field, scope));
    const select = selectRecords(spec, scope, { resolve: (path) => resolve(path, scope), parameters });
    return { ...select, projections: [...select.projections, ...sorted.map(sortColumn)] };
  });
  // A space: no source id can be the same.
  const alias = 'found rows';
  return {
    kind: 'query',
    body: {
      kind: 'select',
      projections: ['source_id', spec.recordName].map((name) => ({ name, value: column(alias, name) })),
      from: {
        kind: 'derived',
        alias,
        query: { kind: 'query', body: { kind: 'set_operation', operator: 'union', all: true, inputs: branches } },
        columns: ['source_id', spec.recordName, ...spec.orderBy.map((_, index) => sortName(index))],
      },
    },
    orderBy: spec.orderBy.flatMap((key, index) => outerSortKeys(alias, index, key)),
    ...page(spec),
  };
}

function searchOne(spec: SearchSpecification, scope: FieldScope, parameters: ParameterList): PlanQuery {
  const resolve = (path: string) => resolveField(path, scope);
  return {
    kind: 'query',
    body: selectRecords(spec, scope, { resolve, parameters }),
    ...(spec.orderBy.length > 0
      ? { orderBy: spec.orderBy.flatMap((key) => fieldSortKeys(resolve(key.field), key)) }
      : {}),
    ...page(spec),
  };
}

function selectRecords(
  spec: SearchSpecification,
  scope: FieldScope,
  context: { readonly resolve: (path: string) => Field; readonly parameters: ParameterList },
): SelectBody {
  const depth = spec.depthMax === undefined ? {} : { depthMax: spec.depthMax };
  const where = compileFilters(spec.filters, { ...context, ...depth });
  const fields = spec.columns?.map((path) => context.resolve(path));
  return {
    kind: 'select',
    projections: [
      { name: 'source_id', value: text(scope.source) },
      { name: spec.recordName, value: recordJson(scope, fields) },
    ],
    from: { kind: 'scan', source: scope.source, alias: scope.alias, columns: scope.columns.map(({ name }) => name) },
    ...(where ? { where } : {}),
  };
}

/** A field may be a number in one source and text in another: both are sorted like a document path. */
function sortColumn(field: Field, index: number): Projection {
  return { name: sortName(index), value: field.kind === 'typed' ? cast(field.value, 'string') : field.text };
}

function sortName(index: number): string {
  return `sort_text_${index}`;
}

function outerSortKeys(alias: string, index: number, key: SearchSpecification['orderBy'][number]): readonly SortKey[] {
  const asText = column(alias, sortName(index));
  const field: Field = {
    kind: 'document',
    path: key.field,
    json: asText,
    text: asText,
    number: tryCast(asText, 'double'),
    jsonType: call('typeof', asText),
  };
  return fieldSortKeys(field, key);
}

function page(spec: SearchSpecification): Pick<PlanQuery, 'limit' | 'offset'> {
  return {
    ...(spec.limit === undefined ? {} : { limit: integer(spec.limit) }),
    ...(spec.offset === undefined ? {} : { offset: integer(spec.offset) }),
  };
}
