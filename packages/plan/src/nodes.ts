import type {
  ArithmeticNode,
  CallNode,
  CastNode,
  ColumnNode,
  ComparisonOperator,
  LiteralNode,
  PlanExpression,
} from '@hybridstore/contracts';

/** Small constructors, so that code that builds plans reads like the expression it builds. */
export function column(relation: string, name: string): ColumnNode {
  return { kind: 'column', relation, name };
}

export function literal(type: string, value: string | number | boolean | null): LiteralNode {
  return { kind: 'literal', type, value };
}

export const nullLiteral: LiteralNode = literal('string', null);
export const trueLiteral: LiteralNode = literal('boolean', true);

export function text(value: string): LiteralNode {
  return literal('string', value);
}

export function integer(value: number): LiteralNode {
  return literal('bigint', value);
}

export function call(name: string, ...operands: PlanExpression[]): CallNode {
  return { kind: 'call', function: name, arguments: operands };
}

export function cast(value: PlanExpression, type: string): CastNode {
  return { kind: 'cast', value, type };
}

export function tryCast(value: PlanExpression, type: string): CastNode {
  return { kind: 'cast', value, type, try: true };
}

export function compare(operator: ComparisonOperator, left: PlanExpression, right: PlanExpression): PlanExpression {
  return { kind: 'comparison', operator, left, right };
}

export function arithmetic(operator: ArithmeticNode['operator'], ...operands: PlanExpression[]): ArithmeticNode {
  return { kind: 'arithmetic', operator, operands };
}

export function not(operand: PlanExpression): PlanExpression {
  return { kind: 'not', operand };
}

export function isNull(value: PlanExpression, negated = false): PlanExpression {
  return { kind: 'is_null', value, negated };
}

/** Flattens nested operands of the same operator; one operand stands for itself. */
export function logic(operator: 'and' | 'or', operands: readonly PlanExpression[]): PlanExpression {
  const flat = operands.flatMap((operand) =>
    operand.kind === 'logic' && operand.operator === operator ? operand.operands : [operand],
  );
  const [first] = flat;
  return flat.length === 1 && first ? first : { kind: 'logic', operator, operands: flat };
}

/** AND of what is there; undefined when nothing is. */
export function allOf(conditions: readonly (PlanExpression | undefined)[]): PlanExpression | undefined {
  const present = conditions.filter((condition) => condition !== undefined);
  return present.length === 0 ? undefined : logic('and', present);
}

/** The operands of an AND, or the expression itself. */
export function conjuncts(predicate: PlanExpression | undefined): readonly PlanExpression[] {
  if (predicate === undefined) return [];
  return predicate.kind === 'logic' && predicate.operator === 'and'
    ? predicate.operands.flatMap(conjuncts)
    : [predicate];
}

/** `case when condition then result else otherwise end` */
export function choose(condition: PlanExpression, result: PlanExpression, otherwise?: PlanExpression): PlanExpression {
  return { kind: 'case', branches: [{ when: condition, result }], ...(otherwise ? { otherwise } : {}) };
}
