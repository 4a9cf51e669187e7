import { type Static, Type } from 'typebox';
import { Consistency, ResultCacheOption } from './data.ts';
import { DslQuery } from './dsl.ts';
import { QueryId, queryTextBytesMax } from './identifiers.ts';

export const dialects = ['mysql', 'postgresql', 'duckdb'] as const;
export const Dialect = Type.Enum([...dialects]);
export type Dialect = (typeof dialects)[number];

/** Values of an IN list, of a list that is bound, of any list of a plan. */
export const listValuesMax = 10_000;
const ParameterScalarValue = Type.Union([
  Type.String({ maxLength: 65_536 }),
  Type.Number(),
  Type.Boolean(),
  Type.Null(),
]);
/** A list stands for its values, in `IN (?)`, `= ANY(?)` and `<> ALL(?)`. */
const ParameterValue = Type.Union([
  ParameterScalarValue,
  Type.Array(ParameterScalarValue, { maxItems: listValuesMax }),
]);
/** By position for `?` and `$1`, by name for `:name`. */
export const Parameters = Type.Union([
  Type.Array(ParameterValue, { maxItems: 1_000 }),
  Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }), ParameterValue),
]);
export type Parameters = readonly ParameterInput[] | Readonly<Record<string, ParameterInput>>;
export type ParameterInput = ParameterScalar | readonly ParameterScalar[];
export type ParameterScalar = string | number | boolean | null;

const common = {
  parameters: Type.Optional(Parameters),
  timeout_seconds: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3_600 })),
  consistency: Type.Optional(Consistency),
  result_cache: Type.Optional(ResultCacheOption),
};

export const SqlQueryRequest = Type.Object(
  { query: Type.String({ minLength: 1, maxLength: queryTextBytesMax }), dialect: Type.Optional(Dialect), ...common },
  { $id: 'SqlQueryRequest', additionalProperties: false },
);
export type SqlQueryRequest = Static<typeof SqlQueryRequest>;

export const DslQueryRequest = Type.Object(
  {
    query: DslQuery,
    timeout_seconds: common.timeout_seconds,
    consistency: common.consistency,
    result_cache: common.result_cache,
  },
  { $id: 'DslQueryRequest', additionalProperties: false },
);
export type DslQueryRequest = Static<typeof DslQueryRequest>;

export const queryStates = ['queued', 'planning', 'running'] as const;
export const RunningQuery = Type.Object(
  {
    query_id: QueryId,
    tenant_id: Type.String(),
    subject: Type.String(),
    state: Type.Enum([...queryStates]),
    query: Type.String(),
    started_at: Type.String(),
    elapsed_ms: Type.Number(),
    deadline_ms: Type.Number(),
  },
  { $id: 'RunningQuery', additionalProperties: false },
);
export type RunningQuery = Static<typeof RunningQuery>;
export const RunningQueries = Type.Object(
  { queries: Type.Array(RunningQuery) },
  { $id: 'RunningQueries', additionalProperties: false },
);
export const CancelledQuery = Type.Object(
  { query_id: QueryId, cancelled: Type.Boolean() },
  { $id: 'CancelledQuery', additionalProperties: false },
);
