import type { JoinRelation, JoinStep, LogicalPlan, PlanExpression, SelectBody } from '@hybridstore/contracts';
import { allOf, conjuncts } from '../nodes.ts';
import { PlanTransformer } from '../plan-transformer.ts';
import { factsOf, ownAliases } from './facts.ts';

/** Turns `FROM a, b WHERE a.x = b.y` into an inner join. Left alone where a right or full join of the same FROM adds rows of nulls. */
export function joinByConditions(plan: LogicalPlan): LogicalPlan {
  return new Joiner().plan(plan);
}

class Joiner extends PlanTransformer {
  override select(select: SelectBody): SelectBody {
    const { from, where } = select;
    if (from?.kind !== 'join' || !where) return super.select(select);
    if (from.steps.some((step) => step.type === 'right' || step.type === 'full')) return super.select(select);
    const { relation, kept } = attach(from, conjuncts(where));
    const { where: _, ...rest } = select;
    const remaining = allOf(kept);
    return super.select({ ...rest, from: relation, ...(remaining ? { where: remaining } : {}) });
  }
}

function attach(from: JoinRelation, conditions: readonly PlanExpression[]) {
  let kept = [...conditions];
  const seen = new Set(ownAliases(from.first));
  const steps = from.steps.map((step): JoinStep => {
    const right = ownAliases(step.right);
    const taken = step.type === 'cross' ? kept.filter((condition) => joins(condition, seen, right)) : [];
    kept = kept.filter((condition) => !taken.includes(condition));
    for (const alias of right) seen.add(alias);
    const on = allOf(taken);
    return on ? { ...step, type: 'inner', on } : step;
  });
  return { relation: { ...from, steps }, kept };
}

/** An equality with one side on the left relations and the other on the right ones. */
function joins(condition: PlanExpression, left: ReadonlySet<string>, right: readonly string[]): boolean {
  if (condition.kind !== 'comparison' || condition.operator !== 'eq') return false;
  const sides = [factsOf(condition.left), factsOf(condition.right)];
  if (sides.some((side) => side.hasSubquery || side.isVolatile || side.aliases.size === 0)) return false;
  const isLeft = (aliases: ReadonlySet<string>) => [...aliases].every((alias) => left.has(alias));
  const isRight = (aliases: ReadonlySet<string>) => [...aliases].every((alias) => right.includes(alias));
  const [a, b] = sides;
  return (
    a !== undefined &&
    b !== undefined &&
    ((isLeft(a.aliases) && isRight(b.aliases)) || (isRight(a.aliases) && isLeft(b.aliases)))
  );
}
