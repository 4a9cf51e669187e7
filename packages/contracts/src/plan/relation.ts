import { Type } from 'typebox';
import { SourceId } from '../identifiers.ts';
import { type PlanExpression, planListMax, planNameCharactersMax } from './expression.ts';
import type { PlanQuery } from './query.ts';

/** What stands in FROM. Every relation but a join has an `alias` that no other relation of the plan has. */
export type PlanRelation =
  | ScanRelation
  | DerivedRelation
  | CteRelation
  | UnnestRelation
  | SeriesRelation
  | JoinRelation;

/** Reads one source; `columns` are those that the plan uses (empty: only the number of rows matters). */
export type ScanRelation = {
  readonly kind: 'scan';
  readonly source: string;
  readonly alias: string;
  readonly columns: readonly string[];
};
/** `lateral`: the query may read relations to its left. `columns` renames outputs from the left. */
export type DerivedRelation = {
  readonly kind: 'derived';
  readonly query: PlanQuery;
  readonly alias: string;
  readonly columns?: readonly string[];
  readonly lateral?: boolean;
};
/** A reference to a `with` entry of this query or one around it. */
export type CteRelation = {
  readonly kind: 'cte';
  readonly name: string;
  readonly alias: string;
  readonly columns?: readonly string[];
};
/** One row per element of `value` (a list), under `column`; `ordinality` names the place from 1. May read relations to its left. */
export type UnnestRelation = {
  readonly kind: 'unnest';
  readonly value: PlanExpression;
  readonly alias: string;
  readonly column: string;
  readonly ordinality?: string;
};
/** Numbers or timestamps from `start` to `stop` by `step`; `stop` itself is in when `inclusive`. */
export type SeriesRelation = {
  readonly kind: 'series';
  readonly start: PlanExpression;
  readonly stop: PlanExpression;
  readonly step?: PlanExpression;
  readonly inclusive: boolean;
  readonly alias: string;
  readonly column: string;
};

export const joinTypes = ['inner', 'left', 'right', 'full', 'cross', 'semi', 'anti', 'asof', 'asof_left'] as const;
export type JoinType = (typeof joinTypes)[number];
/** Left-deep: `first` joined with each step in turn, so that a chain of joins is one level deep. */
export type JoinRelation = {
  readonly kind: 'join';
  readonly first: PlanRelation;
  readonly steps: readonly JoinStep[];
};
/** `using` columns exist on both sides; columns stay addressed by relation. At most one of `on` and `using`; none for `cross`. */
export type JoinStep = {
  readonly type: JoinType;
  readonly right: PlanRelation;
  readonly on?: PlanExpression;
  readonly using?: readonly string[];
};

const Expression = Type.Ref('PlanExpression');
const Relation = Type.Ref('PlanRelation');
const Name = Type.String({ minLength: 1, maxLength: planNameCharactersMax });
const Names = Type.Array(Name, { maxItems: planListMax });
const node = (kind: string, fields: Parameters<typeof Type.Object>[0]) =>
  Type.Object({ kind: Type.Literal(kind), ...fields }, { additionalProperties: false });

export const relationSchemas = {
  scan: node('scan', { source: SourceId, alias: Name, columns: Names }),
  derived: node('derived', {
    query: Type.Ref('PlanQuery'),
    alias: Name,
    columns: Type.Optional(Names),
    lateral: Type.Optional(Type.Boolean()),
  }),
  cte: node('cte', { name: Name, alias: Name, columns: Type.Optional(Names) }),
  unnest: node('unnest', { value: Expression, alias: Name, column: Name, ordinality: Type.Optional(Name) }),
  series: node('series', {
    start: Expression,
    stop: Expression,
    step: Type.Optional(Expression),
    inclusive: Type.Boolean(),
    alias: Name,
    column: Name,
  }),
  join: node('join', {
    first: Relation,
    steps: Type.Array(
      Type.Object(
        {
          type: Type.Enum([...joinTypes]),
          right: Relation,
          on: Type.Optional(Expression),
          using: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: planListMax })),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 256 },
    ),
  }),
} as const satisfies Record<PlanRelation['kind'], ReturnType<typeof node>>;
