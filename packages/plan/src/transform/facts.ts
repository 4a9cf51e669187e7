import type { PlanExpression, PlanQuery, PlanRelation } from '@hybridstore/contracts';
import { isAggregateFunction } from '../functions.ts';
import { PlanTransformer } from '../plan-transformer.ts';

/** Functions that give another value each time they are called: an expression with one must be evaluated where it stands. */
const volatileFunctions = new Set(['random', 'uuid', 'error', 'unnest']);

export type ExpressionFacts = {
  readonly hasAggregate: boolean;
  readonly hasWindow: boolean;
  readonly hasSubquery: boolean;
  readonly isVolatile: boolean;
  /** Aliases of the relations whose columns are read, not counting those inside subqueries. */
  readonly aliases: ReadonlySet<string>;
};

/** Of the expression itself, not of the queries inside it. */
export function factsOf(expression: PlanExpression): ExpressionFacts {
  const facts = { hasAggregate: false, hasWindow: false, hasSubquery: false, isVolatile: false };
  const aliases = new Set<string>();
  visitOwn(
    expression,
    (node) => {
      if (node.kind === 'column') aliases.add(node.relation);
      if (node.kind !== 'call') return;
      if (node.over) facts.hasWindow = true;
      else if (isAggregateFunction(node.function)) facts.hasAggregate = true;
      if (volatileFunctions.has(node.function)) facts.isVolatile = true;
    },
    () => {
      facts.hasSubquery = true;
    },
  );
  return { ...facts, aliases };
}

/** Visits an expression without going into its subqueries, which are only announced. */
function visitOwn(expression: PlanExpression, visit: (node: PlanExpression) => void, onQuery: () => void): void {
  const walker = new (class extends PlanTransformer {
    override expression(node: PlanExpression): PlanExpression {
      visit(node);
      return super.expression(node);
    }
    override query(query: PlanQuery): PlanQuery {
      onQuery();
      return query;
    }
  })();
  walker.expression(expression);
}

/** Aliases of one FROM that may stand for a row of nulls, or whose rows compete with each other (ASOF). */
export function protectedAliases(relation: PlanRelation): ReadonlySet<string> {
  if (relation.kind !== 'join') return new Set();
  const found = new Set(protectedAliases(relation.first));
  const left = [...ownAliases(relation.first)];
  for (const step of relation.steps) {
    const right = ownAliases(step.right);
    for (const alias of protectedAliases(step.right)) found.add(alias);
    const keepsLeft = ['left', 'full', 'asof', 'asof_left', 'semi', 'anti'].includes(step.type);
    if (keepsLeft) for (const alias of right) found.add(alias);
    if (step.type === 'right' || step.type === 'full') for (const alias of left) found.add(alias);
    left.push(...right);
  }
  return found;
}

export function ownAliases(relation: PlanRelation): readonly string[] {
  if (relation.kind !== 'join') return [relation.alias];
  return [...ownAliases(relation.first), ...relation.steps.flatMap((step) => ownAliases(step.right))];
}

/** Replaces columns of one relation by expressions. */
export function substitute(
  expression: PlanExpression,
  replacement: (relation: string, name: string) => PlanExpression | undefined,
): PlanExpression {
  return new (class extends PlanTransformer {
    override expression(node: PlanExpression): PlanExpression {
      const found = node.kind === 'column' ? replacement(node.relation, node.name) : undefined;
      return found ?? super.expression(node);
    }
  })().expression(expression);
}
