import { Type } from 'typebox';
import { type PlanExpression, planListMax, planNameCharactersMax, type SortKey } from './expression.ts';
import type { PlanRelation } from './relation.ts';

/** A query block: what SQL writes between two parentheses. `orderBy`, `limit`, `offset` apply to the rows of `body`. */
export type PlanQuery = {
  readonly kind: 'query';
  readonly with?: WithClause;
  readonly body: QueryBody;
  readonly orderBy?: readonly SortKey[];
  readonly limit?: PlanExpression;
  readonly offset?: PlanExpression;
};
export type WithClause = { readonly recursive: boolean; readonly entries: readonly CommonTable[] };
/** `columns` renames outputs from the left. Names are unique in a plan. */
export type CommonTable = { readonly name: string; readonly columns?: readonly string[]; readonly query: PlanQuery };

export type QueryBody = SelectBody | SetOperationBody | ValuesBody | PlanQuery;

export type SelectBody = {
  readonly kind: 'select';
  readonly distinct?: Distinct;
  readonly projections: readonly Projection[];
  readonly from?: PlanRelation;
  readonly where?: PlanExpression;
  readonly groupBy?: readonly GroupingElement[];
  readonly having?: PlanExpression;
  readonly qualify?: PlanExpression;
};
/** `rows`: equal rows once. `on`: the first row (by the query's `orderBy`) of each combination of `keys`. */
export type Distinct = { readonly kind: 'rows' } | { readonly kind: 'on'; readonly keys: readonly PlanExpression[] };
export type Projection = { readonly name: string; readonly value: PlanExpression };
/** Elements multiply, as in SQL. An empty list means one group of all rows even where no aggregate is called. */
export type GroupingElement =
  | { readonly kind: 'key'; readonly value: PlanExpression }
  | { readonly kind: 'rollup'; readonly sets: readonly (readonly PlanExpression[])[] }
  | { readonly kind: 'cube'; readonly sets: readonly (readonly PlanExpression[])[] }
  | { readonly kind: 'sets'; readonly sets: readonly (readonly PlanExpression[])[] };

export const setOperators = ['union', 'intersect', 'except'] as const;
/** Left-associative over its inputs, all of the same operator. Outputs are named by the first input. */
export type SetOperationBody = {
  readonly kind: 'set_operation';
  readonly operator: (typeof setOperators)[number];
  readonly all: boolean;
  readonly inputs: readonly QueryBody[];
};
/** Outputs are named `names`. Every row has as many items. */
export type ValuesBody = {
  readonly kind: 'values';
  readonly names: readonly string[];
  readonly rows: readonly (readonly PlanExpression[])[];
};

const Expression = Type.Ref('PlanExpression');
const Query = Type.Ref('PlanQuery');
const Body = Type.Ref('PlanBody');
const Name = Type.String({ minLength: 1, maxLength: planNameCharactersMax });
const Names = Type.Array(Name, { minItems: 1, maxItems: planListMax });
const SortKeys = Type.Array(Type.Ref('PlanSortKey'), { maxItems: planListMax });
const node = (kind: string, fields: Parameters<typeof Type.Object>[0]) =>
  Type.Object({ kind: Type.Literal(kind), ...fields }, { additionalProperties: false });
const Sets = Type.Array(Type.Array(Expression, { maxItems: 256 }), { minItems: 1, maxItems: 256 });

export const querySchema = node('query', {
  with: Type.Optional(
    Type.Object(
      {
        recursive: Type.Boolean(),
        entries: Type.Array(
          Type.Object({ name: Name, columns: Type.Optional(Names), query: Query }, { additionalProperties: false }),
          { minItems: 1, maxItems: 256 },
        ),
      },
      { additionalProperties: false },
    ),
  ),
  body: Body,
  orderBy: Type.Optional(SortKeys),
  limit: Type.Optional(Expression),
  offset: Type.Optional(Expression),
});

export const bodySchemas = {
  select: node('select', {
    distinct: Type.Optional(
      Type.Union([
        node('rows', {}),
        node('on', { keys: Type.Array(Expression, { minItems: 1, maxItems: planListMax }) }),
      ]),
    ),
    projections: Type.Array(Type.Object({ name: Name, value: Expression }, { additionalProperties: false }), {
      minItems: 1,
      maxItems: planListMax,
    }),
    from: Type.Optional(Type.Ref('PlanRelation')),
    where: Type.Optional(Expression),
    groupBy: Type.Optional(
      Type.Array(
        Type.Union([
          node('key', { value: Expression }),
          node('rollup', { sets: Sets }),
          node('cube', { sets: Sets }),
          node('sets', { sets: Sets }),
        ]),
        { maxItems: 1_000 },
      ),
    ),
    having: Type.Optional(Expression),
    qualify: Type.Optional(Expression),
  }),
  set_operation: node('set_operation', {
    operator: Type.Enum([...setOperators]),
    all: Type.Boolean(),
    inputs: Type.Array(Body, { minItems: 2, maxItems: 1_000 }),
  }),
  values: node('values', {
    names: Names,
    rows: Type.Array(Type.Array(Expression, { minItems: 1, maxItems: planListMax }), {
      minItems: 1,
      maxItems: planListMax,
    }),
  }),
} as const;
