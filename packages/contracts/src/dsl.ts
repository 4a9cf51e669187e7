import { type Static, Type } from 'typebox';
import { SourceId } from './identifiers.ts';

/**
 * The name of a column, whatever is in it; else steps between dots, of which the first is a JSON column (or a key of the
 * document, in a schema-less source) and the others are keys and array places. A step in quotes is a key, dots and all.
 */
export const FieldPath = Type.String({
  minLength: 1,
  maxLength: 512,
  description:
    'the exact name of a column, or a path into JSON: `doc.items.0.price`; a step in quotes may hold dots and is never an array place: `doc."a.b"."0"` (`""` is a quote)',
});

export const filterOperators = [
  'eq',
  'ne',
  'gt',
  'gte',
  'lt',
  'lte',
  'in',
  'not_in',
  'between',
  'like',
  'not_like',
  'regex',
  'contains',
  'starts_with',
  'is_null',
  'exists',
] as const;
export const conditionsMax = 1_000;
export const dslDepthMax = 10;

const Scalar = Type.Union([Type.String({ maxLength: 65_536 }), Type.Number(), Type.Boolean(), Type.Null()]);

/** One comparison. `value` is an array for `in`, `not_in`, `between` (two items); absent or boolean for `is_null`, `exists`. */
export const Condition = Type.Object(
  {
    field: FieldPath,
    operator: Type.Enum([...filterOperators]),
    value: Type.Optional(Type.Union([Scalar, Type.Array(Scalar, { maxItems: 10_000 })])),
  },
  { $id: 'Condition', additionalProperties: false },
);
export type Condition = Static<typeof Condition>;

/** A condition or `{and|or: [...]}` / `{not: …}`, nested at most `dslDepthMax` deep (checked by the compiler). */
export const Filter = Type.Cyclic(
  {
    Filter: Type.Union([
      Condition,
      Type.Object(
        { and: Type.Array(Type.Ref('Filter'), { minItems: 1, maxItems: conditionsMax }) },
        { additionalProperties: false },
      ),
      Type.Object(
        { or: Type.Array(Type.Ref('Filter'), { minItems: 1, maxItems: conditionsMax }) },
        { additionalProperties: false },
      ),
      Type.Object({ not: Type.Ref('Filter') }, { additionalProperties: false }),
    ]),
  },
  'Filter',
);
export type Filter =
  | Condition
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter };

export const aggregateFunctions = [
  'sum',
  'count',
  'avg',
  'min',
  'max',
  'count_distinct',
  'median',
  'stddev',
  'variance',
] as const;

export const Aggregation = Type.Object(
  {
    function: Type.Enum([...aggregateFunctions]),
    field: FieldPath,
    alias: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  },
  { $id: 'Aggregation', additionalProperties: false },
);

export const OrderBy = Type.Object(
  {
    field: FieldPath,
    direction: Type.Optional(Type.Enum(['asc', 'desc'])),
    nulls: Type.Optional(Type.Enum(['first', 'last'])),
  },
  { $id: 'OrderBy', additionalProperties: false },
);

export const timeBuckets = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const;

/** Moments grouped by when their day (month, …) began by the clocks of a zone, in UTC where none is named. */
export const TimeBucket = Type.Object(
  {
    field: FieldPath,
    bucket: Type.Enum([...timeBuckets]),
    time_zone: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'name of the IANA database, or an offset from UTC: Europe/Berlin, +05:30',
      }),
    ),
    alias: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  },
  { $id: 'TimeBucket', additionalProperties: false },
);
export type TimeBucket = Static<typeof TimeBucket>;

/** Groups by values, or by times. */
export const GroupBy = Type.Array(Type.Union([FieldPath, TimeBucket]), { maxItems: 64 });

const conditions = Type.Optional(Type.Array(Filter, { maxItems: conditionsMax }));
const orderBy = Type.Optional(Type.Array(OrderBy, { maxItems: 32 }));
const limit = Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 }));
const offset = Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000 }));
const columns = Type.Optional(Type.Array(FieldPath, { minItems: 1, maxItems: 2_000 }));
const aggregations = Type.Array(Aggregation, { minItems: 1, maxItems: 256 });

/** `conditions` are joined by AND. */
export const FilterQuery = Type.Object(
  { query_type: Type.Literal('filter'), source: SourceId, conditions, columns, order_by: orderBy, limit, offset },
  { $id: 'FilterQuery', additionalProperties: false },
);
export const AggregateQuery = Type.Object(
  {
    query_type: Type.Literal('aggregate'),
    source: SourceId,
    conditions,
    group_by: Type.Optional(GroupBy),
    aggregations,
    having: conditions,
    order_by: orderBy,
    limit,
    offset,
  },
  { $id: 'AggregateQuery', additionalProperties: false },
);
/** The same filter over several sources; rows come as (source_id, doc). */
export const SearchQuery = Type.Object(
  {
    query_type: Type.Literal('search'),
    sources: Type.Array(SourceId, { minItems: 1, maxItems: 32 }),
    conditions,
    order_by: orderBy,
    limit,
    offset,
  },
  { $id: 'SearchQuery', additionalProperties: false },
);
export const DslQuery = Type.Union([FilterQuery, AggregateQuery, SearchQuery]);
export type FilterQuery = Static<typeof FilterQuery>;
export type AggregateQuery = Static<typeof AggregateQuery>;
export type SearchQuery = Static<typeof SearchQuery>;
export type DslQuery = FilterQuery | AggregateQuery | SearchQuery;
