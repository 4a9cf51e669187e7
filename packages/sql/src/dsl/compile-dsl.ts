import {
  type AggregateRequest,
  type DslQuery,
  type FilterQuery,
  HybridStoreError,
  type LogicalPlan,
  type PlanQuery,
  type SearchRequest,
  searchLimitDefault,
} from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { applyCollations, column, finishPlan, integer, nearestName, ParameterList } from '@hybridstore/plan';
import { compileAggregation, fieldSortKeys } from './aggregate.ts';
import { type FieldScope, resolveField } from './field.ts';
import { compileFilters } from './filter.ts';
import { compileSearchQuery } from './search.ts';

export type DslOptions = { readonly depthMax?: number; readonly isLenient?: boolean };

/** The plan of a DSL query. Values become typed parameters; `invalid_request` names the field that is unknown or does not fit. */
export function compileDsl(query: DslQuery, schemas: PlanSchemas, options: DslOptions = {}): LogicalPlan {
  const parameters = new ParameterList(options);
  return finishDsl(compileDslQuery(query, schemas, parameters, options), schemas, parameters);
}

function finishDsl(written: PlanQuery, schemas: PlanSchemas, parameters: ParameterList): LogicalPlan {
  const { query } = applyCollations(written, { schemas, parameters: parameters.list, doPatternsFollow: false });
  return finishPlan(query, parameters.list);
}

function compileDslQuery(
  query: DslQuery,
  schemas: PlanSchemas,
  parameters: ParameterList,
  options: DslOptions,
): PlanQuery {
  switch (query.query_type) {
    case 'filter':
      return compileFilterQuery(query, scopeOf(query.source, schemas), parameters, options);
    case 'aggregate': {
      const { conditions, having, ...rest } = query;
      const spec = { ...rest, ...options, filters: conditions ?? [], having: having ?? [] };
      return compileAggregation(spec, scopeOf(query.source, schemas), parameters);
    }
    case 'search': {
      const spec = {
        ...options,
        ...(query.limit === undefined ? {} : { limit: query.limit }),
        ...(query.offset === undefined ? {} : { offset: query.offset }),
        filters: query.conditions ?? [],
        orderBy: query.order_by ?? [],
        recordName: 'doc',
      };
      return compileSearchQuery(spec, scopesOf(query.sources, schemas), parameters);
    }
  }
}

/**
 * The plan of `POST /data/search`: outputs `source_id` and `fields`, the latter a JSON object per row in the form of
 * query results. At most `searchLimitDefault` rows when the request names no limit.
 */
export function compileSearch(request: SearchRequest, schemas: PlanSchemas): LogicalPlan {
  const sources = [...(request.source_ids ?? []), ...(request.source_id === undefined ? [] : [request.source_id])];
  if (sources.length === 0)
    throw new HybridStoreError('invalid_request', 'source_id: expected a source id', { field: 'source_id' });
  if (request.source_ids && request.source_id !== undefined)
    throw new HybridStoreError('invalid_request', 'source_id: expected either source_id or source_ids, found both', {
      field: 'source_id',
    });
  const parameters = new ParameterList();
  const spec = {
    filters: [...(request.filter ? [request.filter] : []), ...(request.conditions ?? [])],
    ...(request.columns ? { columns: request.columns } : {}),
    orderBy: request.order_by ?? [],
    limit: request.limit ?? searchLimitDefault,
    ...(request.offset === undefined ? {} : { offset: request.offset }),
    recordName: 'fields',
  };
  return finishDsl(compileSearchQuery(spec, scopesOf(sources, schemas), parameters), schemas, parameters);
}

/** The plan of `POST /data/aggregate`: outputs are the groups by path, then the aggregations by alias. */
export function compileAggregate(request: AggregateRequest, schemas: PlanSchemas): LogicalPlan {
  const parameters = new ParameterList();
  const spec = {
    source: request.source_id,
    aggregations: request.aggregations,
    ...(request.group_by ? { group_by: request.group_by } : {}),
    ...(request.order_by ? { order_by: request.order_by } : {}),
    ...(request.limit === undefined ? {} : { limit: request.limit }),
    filters: [...(request.filter ? [request.filter] : []), ...(request.conditions ?? [])],
    having: request.having ?? [],
  };
  return finishDsl(compileAggregation(spec, scopeOf(request.source_id, schemas), parameters), schemas, parameters);
}

function compileFilterQuery(
  query: FilterQuery,
  scope: FieldScope,
  parameters: ParameterList,
  options: DslOptions,
): PlanQuery {
  const resolve = (path: string) => resolveField(path, scope);
  const where = compileFilters(query.conditions ?? [], { resolve, parameters, ...options });
  const projections = query.columns
    ? query.columns.map((path) => {
        const field = resolve(path);
        return { name: path, value: field.kind === 'typed' ? field.value : field.json };
      })
    : scope.columns.map(({ name }) => ({ name, value: column(scope.alias, name) }));
  return {
    kind: 'query',
    body: {
      kind: 'select',
      projections,
      from: { kind: 'scan', source: scope.source, alias: scope.alias, columns: scope.columns.map(({ name }) => name) },
      ...(where ? { where } : {}),
    },
    ...(query.order_by ? { orderBy: query.order_by.flatMap((key) => fieldSortKeys(resolve(key.field), key)) } : {}),
    ...page(query),
  };
}

function page(query: { readonly limit?: number; readonly offset?: number }) {
  return {
    ...(query.limit === undefined ? {} : { limit: integer(query.limit) }),
    ...(query.offset === undefined ? {} : { offset: integer(query.offset) }),
  };
}

function scopesOf(sources: readonly string[], schemas: PlanSchemas): readonly FieldScope[] {
  const unique = new Set(sources);
  if (unique.size < sources.length)
    throw new HybridStoreError('invalid_request', 'sources: the same source is named twice', { field: 'sources' });
  return sources.map((source) => scopeOf(source, schemas));
}

function scopeOf(source: string, schemas: PlanSchemas): FieldScope {
  const schema = schemas.get(source);
  if (schema) return { source, alias: source, columns: schema.columns };
  const nearest = nearestName(source, schemas.keys());
  throw new HybridStoreError(
    'invalid_request',
    `source ${source} does not exist${nearest === undefined ? '' : `, did you mean ${nearest}?`}`,
    {
      field: 'source',
      source_id: source,
      ...(nearest === undefined ? {} : { nearest }),
    },
  );
}
