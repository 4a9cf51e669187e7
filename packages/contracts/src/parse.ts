import { type Static, Type } from 'typebox';
import { DslQuery, dslDepthMax } from './dsl.ts';
import { queryTextBytesMax, SourceId } from './identifiers.ts';
import { arithmeticOperators, LogicalPlan } from './plan/index.ts';
import { Dialect, dialects, Parameters } from './query.ts';

const statement = {
  query: Type.String({ minLength: 1, maxLength: queryTextBytesMax }),
  dialect: Type.Optional(Dialect),
  parameters: Type.Optional(Parameters),
};
export const ParseSqlRequest = Type.Object(
  {
    ...statement,
    /** Literals that could be others become parameters of the plan; not where the statement has parameters of its own. */
    lift_literals: Type.Optional(Type.Boolean({ default: false })),
  },
  { $id: 'ParseSqlRequest', additionalProperties: false },
);
export type ParseSqlRequest = Static<typeof ParseSqlRequest>;

const Name = Type.String({ minLength: 1, maxLength: 64 });
/**
 * What of a plan failed while it ran, in `details.failed` of an error: a conversion to a type, a call of one of these
 * functions, one of these operators, a failure that the plan itself spells out, a subquery of more than one row.
 */
export const FailedOperation = Type.Union([
  Type.Object({ kind: Type.Literal('cast'), type: Name }, { additionalProperties: false }),
  Type.Object(
    { kind: Type.Literal('call'), functions: Type.Array(Name, { minItems: 1, maxItems: 20 }) },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      kind: Type.Literal('arithmetic'),
      operators: Type.Array(Type.Enum([...arithmeticOperators]), { minItems: 1, maxItems: 20 }),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    { kind: Type.Literal('error'), message: Type.String({ minLength: 1, maxLength: 200 }) },
    { additionalProperties: false },
  ),
  Type.Object({ kind: Type.Literal('subquery') }, { additionalProperties: false }),
]);
export type FailedOperation = Static<typeof FailedOperation>;

export const LocateRequest = Type.Object(
  { ...statement, failed: FailedOperation },
  { $id: 'LocateRequest', additionalProperties: false },
);
export type LocateRequest = Static<typeof LocateRequest>;

/** Counted from 1; a column is a code point. */
const Place = Type.Object(
  { line: Type.Integer({ minimum: 1 }), column: Type.Integer({ minimum: 1 }) },
  { additionalProperties: false },
);
/** Places of the statement that may have failed, in its order; the first of them where there are many. */
export const LocateResponse = Type.Object(
  { places: Type.Array(Place) },
  { $id: 'LocateResponse', additionalProperties: false },
);
export type LocateResponse = Static<typeof LocateResponse>;

export const ParseDslRequest = Type.Object(
  { query: DslQuery },
  { $id: 'ParseDslRequest', additionalProperties: false },
);
export type ParseDslRequest = Static<typeof ParseDslRequest>;

/** Of a source, and a name of exactly these columns: their names, types and collations, in their order. */
export const ReadColumns = Type.Object(
  { source_id: SourceId, columns: Type.String({ minLength: 1, maxLength: 64 }) },
  { $id: 'ReadColumns', additionalProperties: false },
);
export type ReadColumns = Static<typeof ReadColumns>;

const ParameterName = Type.Union([Type.Integer({ minimum: 0 }), Type.String()]);
/** Whose value stands in a place of a plan's parameters: a place or a name of the statement, and with it one value of its list. */
export const ParameterKey = Type.Union([ParameterName, Type.Tuple([ParameterName, Type.Integer({ minimum: 0 })])]);
export type ParameterKey = Static<typeof ParameterKey>;

/** Its place among the literals of the statement's shape, and the type of the column that it is compared with. */
export const LiftedLiteral = Type.Object(
  { literal: Type.Integer({ minimum: 0 }), type: Name },
  { additionalProperties: false },
);

export type LiftedLiteral = Static<typeof LiftedLiteral>;

/** `parsed_query` is bound to the tenant's sources of now: names are resolved, functions known, parameters in place. */
export const ParseResponse = Type.Object(
  {
    parsed_query: LogicalPlan,
    query_type: Type.Enum(['sql', 'dsl']),
    dialect: Type.Union([Dialect, Type.Null()]),
    tables: Type.Array(Type.String()),
    functions: Type.Array(Type.String()),
    cached: Type.Boolean({ description: 'the statement was parsed before for the same schemas' }),
    /** Whether a parser that did not bind the statement could read it and a reader of its own named the same tables. */
    cross_check: Type.Enum(['agreed', 'cannot_read', 'not_asked']),
    /** What the plan was made for: with other columns the same text may mean another plan. */
    rests_on: Type.Array(ReadColumns),
    /** One for each parameter of the plan, in their order: other values of the same types make the same plan. */
    parameter_keys: Type.Array(ParameterKey),
    /** One for each parameter of the plan that was a literal of the statement. */
    lifted_literals: Type.Optional(Type.Array(LiftedLiteral)),
  },
  { $id: 'ParseResponse', additionalProperties: false },
);
export type ParseResponse = Static<typeof ParseResponse>;

export const optimizationLevels = ['none', 'basic', 'aggressive'] as const;
export const TransformRequest = Type.Object(
  { parsed_query: LogicalPlan, optimization_level: Type.Optional(Type.Enum([...optimizationLevels])) },
  { $id: 'TransformRequest', additionalProperties: false },
);
export type TransformRequest = Static<typeof TransformRequest>;
/** `sql` is DuckDB's text of the plan, for people; engines get the plan. `steps` name the rewrites that changed it. */
export const TransformResponse = Type.Object(
  {
    execution_plan: Type.Object(
      { plan: LogicalPlan, sql: Type.String(), tree: Type.String() },
      { additionalProperties: false },
    ),
    optimization_level: Type.Enum([...optimizationLevels]),
    steps: Type.Array(Type.Object({ name: Type.String(), changed: Type.Boolean() }, { additionalProperties: false })),
  },
  { $id: 'TransformResponse', additionalProperties: false },
);
export type TransformResponse = Static<typeof TransformResponse>;

/** The interpreter's settings file (`config.json`). `supported_functions` narrows the functions that are allowed. */
export const InterpreterSettingsFile = Type.Object(
  {
    sql_parser: Type.Optional(
      Type.Object(
        {
          dialect: Type.Optional(Type.Enum([...dialects])),
          strict_mode: Type.Optional(Type.Boolean()),
          supported_functions: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 1_000 }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    dsl_parser: Type.Optional(
      Type.Object(
        {
          max_depth: Type.Optional(Type.Integer({ minimum: 1, maximum: dslDepthMax })),
          allow_custom_functions: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
    ),
    query_transformer: Type.Optional(
      Type.Object(
        {
          optimize_joins: Type.Optional(Type.Boolean()),
          push_down_filters: Type.Optional(Type.Boolean()),
          column_pruning: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { $id: 'InterpreterSettingsFile', additionalProperties: false },
);
export type InterpreterSettingsFile = Static<typeof InterpreterSettingsFile>;
