import { Type } from 'typebox';
import { DataType, type DatePart, dateParts, type IntervalUnit, intervalUnits } from './data-type.ts';
import type { PlanQuery } from './query.ts';

/**
 * Expressions of the logical plan. Each node is a frozen object tagged by `kind`. Operators that associate (`and`, `or`,
 * arithmetic) take a list, so that a chain of a thousand conditions is one level deep: plans travel as JSON, whose depth is
 * bounded. Functions are named by the table in `@hybridstore/plan`, never by text of the caller.
 */
export type PlanExpression =
  | ColumnNode
  | OutputNode
  | LiteralNode
  | ParameterNode
  | LogicNode
  | NotNode
  | ComparisonNode
  | ArithmeticNode
  | ConcatNode
  | CallNode
  | CaseNode
  | CastNode
  | BetweenNode
  | InNode
  | InQueryNode
  | ExistsNode
  | SubqueryNode
  | QuantifiedNode
  | IsNullNode
  | IsBooleanNode
  | LikeNode
  | JsonPathNode
  | IntervalNode
  | ExtractNode
  | ArrayNode
  | RowNode
  | StructNode
  | FieldNode
  | ElementNode;

/** A column of the relation whose alias is `relation`; aliases are unique in a plan, so scopes never shadow. */
export type ColumnNode = { readonly kind: 'column'; readonly relation: string; readonly name: string };
/** The nth output (from 0) of the query in whose ORDER BY it stands. */
export type OutputNode = { readonly kind: 'output'; readonly index: number };
/** `value` is text wherever a JSON number could lose digits: decimals always, integers beyond 2^53. A `null` may be of every type. */
export type LiteralNode = {
  readonly kind: 'literal';
  readonly type: string;
  readonly value: string | number | boolean | null;
};
/** The value at `index` (from 0) of the plan's `parameters`. */
export type ParameterNode = { readonly kind: 'parameter'; readonly index: number };
export type LogicNode = {
  readonly kind: 'logic';
  readonly operator: 'and' | 'or';
  readonly operands: readonly PlanExpression[];
};
export type NotNode = { readonly kind: 'not'; readonly operand: PlanExpression };
export const comparisonOperators = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'is_distinct', 'is_not_distinct'] as const;
export type ComparisonOperator = (typeof comparisonOperators)[number];
export type ComparisonNode = {
  readonly kind: 'comparison';
  readonly operator: ComparisonOperator;
  readonly left: PlanExpression;
  readonly right: PlanExpression;
};
/**
 * Left-associative over its operands; `negate` and `bit_not` have one. `divide` is the quotient as a double;
 * `integer_divide` truncates toward zero and is null for a zero divisor. Dialects that mean something else by `/` are
 * spelled out by the interpreter.
 */
export const arithmeticOperators = [
  'add',
  'subtract',
  'multiply',
  'divide',
  'integer_divide',
  'modulo',
  'power',
  'negate',
  'bit_and',
  'bit_or',
  'bit_xor',
  'bit_not',
  'shift_left',
  'shift_right',
] as const;
export type ArithmeticOperator = (typeof arithmeticOperators)[number];
export type ArithmeticNode = {
  readonly kind: 'arithmetic';
  readonly operator: ArithmeticOperator;
  readonly operands: readonly PlanExpression[];
};
/** SQL's `||`: null when any operand is null; also appends lists. */
export type ConcatNode = { readonly kind: 'concat'; readonly operands: readonly PlanExpression[] };
export type CallNode = {
  readonly kind: 'call';
  readonly function: string;
  readonly arguments: readonly PlanExpression[];
  readonly distinct?: boolean;
  readonly filter?: PlanExpression;
  readonly orderBy?: readonly SortKey[];
  readonly nulls?: 'ignore' | 'respect';
  readonly over?: WindowSpecification;
};
export type SortKey = {
  readonly value: PlanExpression;
  readonly direction: 'asc' | 'desc';
  readonly nulls: 'first' | 'last';
};
export type WindowSpecification = {
  readonly partitionBy: readonly PlanExpression[];
  readonly orderBy: readonly SortKey[];
  readonly frame?: WindowFrame;
};
export const frameExclusions = ['current_row', 'group', 'ties'] as const;
export type WindowFrame = {
  readonly unit: 'rows' | 'range' | 'groups';
  readonly start: FrameBound;
  readonly end: FrameBound;
  readonly exclude?: (typeof frameExclusions)[number];
};
export type FrameBound =
  | { readonly kind: 'unbounded_preceding' }
  | { readonly kind: 'preceding'; readonly value: PlanExpression }
  | { readonly kind: 'current_row' }
  | { readonly kind: 'following'; readonly value: PlanExpression }
  | { readonly kind: 'unbounded_following' };
/** With `operand`, each `when` is compared with it; without, each `when` is a condition. */
export type CaseNode = {
  readonly kind: 'case';
  readonly operand?: PlanExpression;
  readonly branches: readonly { readonly when: PlanExpression; readonly result: PlanExpression }[];
  readonly otherwise?: PlanExpression;
};
/** `try`: null instead of an error when a value does not convert. */
export type CastNode = {
  readonly kind: 'cast';
  readonly value: PlanExpression;
  readonly type: string;
  readonly try?: boolean;
};
export type BetweenNode = {
  readonly kind: 'between';
  readonly value: PlanExpression;
  readonly low: PlanExpression;
  readonly high: PlanExpression;
  readonly negated: boolean;
};
export type InNode = {
  readonly kind: 'in';
  readonly value: PlanExpression;
  readonly list: readonly PlanExpression[];
  readonly negated: boolean;
};
/** `values` has one item per output of `query`. */
export type InQueryNode = {
  readonly kind: 'in_query';
  readonly values: readonly PlanExpression[];
  readonly query: PlanQuery;
  readonly negated: boolean;
};
export type ExistsNode = { readonly kind: 'exists'; readonly query: PlanQuery; readonly negated: boolean };
/** One output, at most one row; null when there is none. */
export type SubqueryNode = { readonly kind: 'subquery'; readonly query: PlanQuery };
export type QuantifiedNode = {
  readonly kind: 'quantified';
  readonly operator: ComparisonOperator;
  readonly value: PlanExpression;
  readonly quantifier: 'any' | 'all';
  readonly query: PlanQuery;
};
export type IsNullNode = { readonly kind: 'is_null'; readonly value: PlanExpression; readonly negated: boolean };
export type IsBooleanNode = {
  readonly kind: 'is_boolean';
  readonly value: PlanExpression;
  readonly test: boolean;
  readonly negated: boolean;
};
/** `%` and `_`; `escape` is one character, none when absent. */
export type LikeNode = {
  readonly kind: 'like';
  readonly value: PlanExpression;
  readonly pattern: PlanExpression;
  readonly escape?: string;
  readonly caseInsensitive: boolean;
  readonly negated: boolean;
};
/** A fixed path into a JSON value; numbers are places in an array from 0. `as` text: strings without quotes, JSON null as null. */
export type JsonPathNode = {
  readonly kind: 'json_path';
  readonly value: PlanExpression;
  readonly path: readonly (string | number)[];
  readonly as: 'json' | 'text';
};
export type IntervalNode = { readonly kind: 'interval'; readonly value: PlanExpression; readonly unit: IntervalUnit };
export type ExtractNode = { readonly kind: 'extract'; readonly part: DatePart; readonly value: PlanExpression };
export type ArrayNode = { readonly kind: 'array'; readonly items: readonly PlanExpression[] };
export type RowNode = { readonly kind: 'row'; readonly items: readonly PlanExpression[] };
export type StructNode = {
  readonly kind: 'struct';
  readonly fields: readonly { readonly name: string; readonly value: PlanExpression }[];
};
export type FieldNode = { readonly kind: 'field'; readonly value: PlanExpression; readonly name: string };
/** `index` counts from 1. */
export type ElementNode = {
  readonly kind: 'element';
  readonly value: PlanExpression;
  readonly index: PlanExpression;
};

export const planListMax = 10_000;
export const planNameCharactersMax = 256;
export const planTextCharactersMax = 262_144;

const Expression = Type.Ref('PlanExpression');
const Query = Type.Ref('PlanQuery');
const Expressions = Type.Array(Expression, { maxItems: planListMax });
const SomeExpressions = Type.Array(Expression, { minItems: 1, maxItems: planListMax });
const Name = Type.String({ minLength: 1, maxLength: planNameCharactersMax });
const negated = Type.Boolean();
const node = (kind: string, fields: Parameters<typeof Type.Object>[0]) =>
  Type.Object({ kind: Type.Literal(kind), ...fields }, { additionalProperties: false });

/** Schemas by kind; `PlanExpression` is their union. Exported for the one place that ties the recursion. */
export const expressionSchemas = {
  column: node('column', { relation: Name, name: Name }),
  output: node('output', { index: Type.Integer({ minimum: 0, maximum: planListMax }) }),
  literal: node('literal', {
    type: DataType,
    value: Type.Union([Type.String({ maxLength: planTextCharactersMax }), Type.Number(), Type.Boolean(), Type.Null()]),
  }),
  parameter: node('parameter', { index: Type.Integer({ minimum: 0, maximum: 999_999 }) }),
  logic: node('logic', { operator: Type.Enum(['and', 'or']), operands: SomeExpressions }),
  not: node('not', { operand: Expression }),
  comparison: node('comparison', {
    operator: Type.Enum([...comparisonOperators]),
    left: Expression,
    right: Expression,
  }),
  arithmetic: node('arithmetic', { operator: Type.Enum([...arithmeticOperators]), operands: SomeExpressions }),
  concat: node('concat', { operands: SomeExpressions }),
  call: node('call', {
    function: Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }),
    arguments: Expressions,
    distinct: Type.Optional(Type.Boolean()),
    filter: Type.Optional(Expression),
    orderBy: Type.Optional(Type.Array(Type.Ref('PlanSortKey'), { maxItems: planListMax })),
    nulls: Type.Optional(Type.Enum(['ignore', 'respect'])),
    over: Type.Optional(Type.Ref('PlanWindow')),
  }),
  case: node('case', {
    operand: Type.Optional(Expression),
    branches: Type.Array(Type.Object({ when: Expression, result: Expression }, { additionalProperties: false }), {
      minItems: 1,
      maxItems: planListMax,
    }),
    otherwise: Type.Optional(Expression),
  }),
  cast: node('cast', { value: Expression, type: DataType, try: Type.Optional(Type.Boolean()) }),
  between: node('between', { value: Expression, low: Expression, high: Expression, negated }),
  in: node('in', { value: Expression, list: SomeExpressions, negated }),
  in_query: node('in_query', { values: SomeExpressions, query: Query, negated }),
  exists: node('exists', { query: Query, negated }),
  subquery: node('subquery', { query: Query }),
  quantified: node('quantified', {
    operator: Type.Enum([...comparisonOperators]),
    value: Expression,
    quantifier: Type.Enum(['any', 'all']),
    query: Query,
  }),
  is_null: node('is_null', { value: Expression, negated }),
  is_boolean: node('is_boolean', { value: Expression, test: Type.Boolean(), negated }),
  like: node('like', {
    value: Expression,
    pattern: Expression,
    escape: Type.Optional(Type.String({ minLength: 1, maxLength: 2 })),
    caseInsensitive: Type.Boolean(),
    negated,
  }),
  json_path: node('json_path', {
    value: Expression,
    path: Type.Array(
      Type.Union([Type.String({ maxLength: planNameCharactersMax }), Type.Integer({ minimum: 0, maximum: 1_000_000 })]),
      { minItems: 1, maxItems: 64 },
    ),
    as: Type.Enum(['json', 'text']),
  }),
  interval: node('interval', { value: Expression, unit: Type.Enum([...intervalUnits]) }),
  extract: node('extract', { part: Type.Enum([...dateParts]), value: Expression }),
  array: node('array', { items: Expressions }),
  row: node('row', { items: SomeExpressions }),
  struct: node('struct', {
    fields: Type.Array(Type.Object({ name: Name, value: Expression }, { additionalProperties: false }), {
      minItems: 1,
      maxItems: planListMax,
    }),
  }),
  field: node('field', { value: Expression, name: Name }),
  element: node('element', { value: Expression, index: Expression }),
} as const satisfies Record<PlanExpression['kind'], ReturnType<typeof node>>;

const bound = (kind: string) => Type.Object({ kind: Type.Literal(kind) }, { additionalProperties: false });
const offsetBound = (kind: string) =>
  Type.Object({ kind: Type.Literal(kind), value: Expression }, { additionalProperties: false });
const FrameBoundSchema = Type.Union([
  bound('unbounded_preceding'),
  offsetBound('preceding'),
  bound('current_row'),
  offsetBound('following'),
  bound('unbounded_following'),
]);

export const sortKeySchema = Type.Object(
  { value: Expression, direction: Type.Enum(['asc', 'desc']), nulls: Type.Enum(['first', 'last']) },
  { additionalProperties: false },
);
export const windowSchema = Type.Object(
  {
    partitionBy: Expressions,
    orderBy: Type.Array(Type.Ref('PlanSortKey'), { maxItems: planListMax }),
    frame: Type.Optional(
      Type.Object(
        {
          unit: Type.Enum(['rows', 'range', 'groups']),
          start: FrameBoundSchema,
          end: FrameBoundSchema,
          exclude: Type.Optional(Type.Enum([...frameExclusions])),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
