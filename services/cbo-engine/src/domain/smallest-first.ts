import type { JoinRelation, JoinStep, LogicalPlan, PlanExpression, PlanRelation } from '@hybridstore/contracts';
import { allOf, finishPlan, PlanTransformer, referencedAliases } from '@hybridstore/plan';

/**
 * The same plan with each chain of inner joins begun at its smallest relation, each next one being the smallest that a
 * condition connects to what is there. Undefined when no chain can be put in another order. Only chains of plain inner
 * joins with ON are touched: there any order gives the same rows, and columns are addressed by relation, so outputs stay.
 */
export function buildSmallestFirst(
  plan: LogicalPlan,
  rowsByAlias: ReadonlyMap<string, number>,
): LogicalPlan | undefined {
  const transformer = new SmallestFirst(rowsByAlias);
  const query = transformer.query(plan.query);
  return transformer.hasChanged ? finishPlan(query, plan.parameters, plan.warnings) : undefined;
}

class SmallestFirst extends PlanTransformer {
  hasChanged = false;
  readonly #rowsByAlias: ReadonlyMap<string, number>;

  constructor(rowsByAlias: ReadonlyMap<string, number>) {
    super();
    this.#rowsByAlias = rowsByAlias;
  }

  override relation(relation: PlanRelation): PlanRelation {
    const inner = super.relation(relation);
    if (inner.kind !== 'join' || !isPlainChain(inner)) return inner;
    const ordered = this.#order(inner);
    if (!ordered || JSON.stringify(ordered) === JSON.stringify(inner)) return inner;
    this.hasChanged = true;
    return ordered;
  }

  #order(join: JoinRelation): JoinRelation | undefined {
    const conditions = join.steps.flatMap((step) => (step.on ? [step.on] : []));
    const waiting = [join.first, ...join.steps.map((step) => step.right)].sort((a, b) => this.#rows(a) - this.#rows(b));
    const first = waiting.shift();
    if (!first) return undefined;
    const present = new Set([aliasOf(first)]);
    const steps: JoinStep[] = [];
    const unused = new Set(conditions);
    while (waiting.length > 0) {
      const next = waiting.findIndex((candidate) =>
        [...unused].some((condition) => connects(condition, present, aliasOf(candidate))),
      );
      // A relation that nothing connects would become a cross product.
      const right = next < 0 ? undefined : waiting.splice(next, 1)[0];
      if (!right) return undefined;
      present.add(aliasOf(right));
      const usable = [...unused].filter((condition) =>
        [...referencedAliases(condition)].every((alias) => present.has(alias)),
      );
      for (const condition of usable) unused.delete(condition);
      const on = allOf(usable);
      if (!on) return undefined;
      steps.push({ type: 'inner', right, on });
    }
    return unused.size === 0 ? { kind: 'join', first, steps } : undefined;
  }

  #rows(relation: PlanRelation): number {
    return this.#rowsByAlias.get(aliasOf(relation)) ?? Number.POSITIVE_INFINITY;
  }
}

/** Three or more scans, inner joins with conditions and nothing else: for two, DuckDB picks the side itself. */
function isPlainChain(join: JoinRelation): boolean {
  return (
    join.steps.length >= 2 &&
    join.first.kind === 'scan' &&
    join.steps.every(
      (step) =>
        step.type === 'inner' && step.right.kind === 'scan' && step.on !== undefined && step.using === undefined,
    )
  );
}

function aliasOf(relation: PlanRelation): string {
  return relation.kind === 'join' ? '' : relation.alias;
}

function connects(condition: PlanExpression, present: ReadonlySet<string>, candidate: string): boolean {
  const aliases = referencedAliases(condition);
  return (
    aliases.has(candidate) &&
    aliases.size > 1 &&
    [...aliases].every((alias) => alias === candidate || present.has(alias))
  );
}
