import type { PlanExpression, PlanQuery, PlanRelation, ScanRelation } from '@hybridstore/contracts';
import { PlanTransformer } from './plan-transformer.ts';

export type PlanVisitor = {
  readonly expression?: (node: PlanExpression) => void;
  readonly relation?: (node: PlanRelation) => void;
  readonly query?: (node: PlanQuery) => void;
};

class Walker extends PlanTransformer {
  readonly #visitor: PlanVisitor;

  constructor(visitor: PlanVisitor) {
    super();
    this.#visitor = visitor;
  }

  override expression(node: PlanExpression): PlanExpression {
    this.#visitor.expression?.(node);
    return super.expression(node);
  }

  override relation(node: PlanRelation): PlanRelation {
    this.#visitor.relation?.(node);
    return super.relation(node);
  }

  override query(node: PlanQuery): PlanQuery {
    this.#visitor.query?.(node);
    return super.query(node);
  }
}

/** Calls the visitor for every node of a query, parents before children, subqueries included. */
export function walkQuery(query: PlanQuery, visitor: PlanVisitor): void {
  new Walker(visitor).query(query);
}

/** Like `walkQuery`, for one expression and the subqueries in it. */
export function walkExpression(expression: PlanExpression, visitor: PlanVisitor): void {
  new Walker(visitor).expression(expression);
}

/** Canonical names of the functions that a query calls, sorted. */
export function functionsCalled(query: PlanQuery): readonly string[] {
  const names = new Set<string>();
  walkQuery(query, { expression: (node) => void (node.kind === 'call' && names.add(node.function)) });
  return [...names].sort();
}

/** Functions whose values no argument and no row decides. */
export const volatileFunctions: ReadonlySet<string> = new Set(['current_date', 'current_timestamp', 'random', 'uuid']);

/** Whether the same query over the same rows may have another answer the next time, whatever its order. */
export function isVolatile(query: PlanQuery): boolean {
  return functionsCalled(query).some((name) => volatileFunctions.has(name));
}

/** Every scan of a query in the order of the text, subqueries included. */
export function listScans(query: PlanQuery): readonly ScanRelation[] {
  const scans: ScanRelation[] = [];
  walkQuery(query, { relation: (node) => void (node.kind === 'scan' && scans.push(node)) });
  return scans;
}

/** Aliases of the relations whose columns an expression reads, its subqueries included. */
export function referencedAliases(expression: PlanExpression): ReadonlySet<string> {
  const aliases = new Set<string>();
  walkExpression(expression, { expression: (node) => void (node.kind === 'column' && aliases.add(node.relation)) });
  return aliases;
}

/** Whether a query reads columns of relations that are not its own: it is another one for each row outside of it. */
export function isCorrelated(query: PlanQuery): boolean {
  const [own, read] = [new Set<string>(), new Set<string>()];
  walkQuery(query, {
    relation: (node) => void (node.kind !== 'join' && own.add(node.alias)),
    expression: (node) => void (node.kind === 'column' && read.add(node.relation)),
  });
  return [...read].some((alias) => !own.has(alias));
}
