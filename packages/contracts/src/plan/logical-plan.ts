import { Type } from 'typebox';
import { SourceId } from '../identifiers.ts';
import { type Warning, Warnings } from '../warnings.ts';
import { DataType } from './data-type.ts';
import {
  expressionSchemas,
  planListMax,
  planNameCharactersMax,
  planTextCharactersMax,
  sortKeySchema,
  windowSchema,
} from './expression.ts';
import { bodySchemas, type PlanQuery, querySchema } from './query.ts';
import { relationSchemas } from './relation.ts';

/** Nesting of a plan as JSON; leaves room for the envelopes around it within `jsonDepthMax`. */
export const planDepthMax = 56;
export const planNodesMax = 150_000;
export const planParametersMax = 40_000;
export const planVersion = 1;

/** A value that travels beside the plan and is bound by the engine, never printed into its text. */
export type PlanParameter = { readonly type: string; readonly value: string | number | boolean | null };
/** A source that the plan reads and the columns of it that it uses; the same source is listed once. */
export type PlanTable = { readonly source: string; readonly columns: readonly string[] };
export type LogicalPlan = {
  readonly kind: 'plan';
  readonly version: 1;
  readonly query: PlanQuery;
  readonly parameters: readonly PlanParameter[];
  readonly tables: readonly PlanTable[];
  /** What the reader of the query found out that its rows do not show; goes into the answer's `stats`. */
  readonly warnings?: readonly Warning[];
};

/**
 * The one schema of a plan. It holds the shape; that aliases are unique, names resolve, functions are known and `tables`
 * matches the scans is checked by `checkPlan` of `@hybridstore/plan`, which every receiver calls.
 */
export const LogicalPlan = Type.Unsafe<LogicalPlan>(
  Type.Cyclic(
    {
      PlanExpression: Type.Union(Object.values(expressionSchemas)),
      PlanRelation: Type.Union(Object.values(relationSchemas)),
      PlanBody: Type.Union([...Object.values(bodySchemas), Type.Ref('PlanQuery')]),
      PlanQuery: querySchema,
      PlanSortKey: sortKeySchema,
      PlanWindow: windowSchema,
      LogicalPlan: Type.Object(
        {
          kind: Type.Literal('plan'),
          version: Type.Literal(planVersion),
          query: Type.Ref('PlanQuery'),
          parameters: Type.Array(
            Type.Object(
              {
                type: DataType,
                value: Type.Union([
                  Type.String({ maxLength: planTextCharactersMax }),
                  Type.Number(),
                  Type.Boolean(),
                  Type.Null(),
                ]),
              },
              { additionalProperties: false },
            ),
            { maxItems: planParametersMax },
          ),
          tables: Type.Array(
            Type.Object(
              {
                source: SourceId,
                columns: Type.Array(Type.String({ minLength: 1, maxLength: planNameCharactersMax }), {
                  maxItems: planListMax,
                }),
              },
              { additionalProperties: false },
            ),
            { maxItems: 256 },
          ),
          warnings: Type.Optional(Warnings),
        },
        { additionalProperties: false },
      ),
    },
    'LogicalPlan',
  ),
);
