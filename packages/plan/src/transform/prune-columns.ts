import type { DerivedRelation, LogicalPlan, PlanRelation, SelectBody } from '@hybridstore/contracts';
import { columnsUsed } from '../finish-plan.ts';
import { PlanTransformer } from '../plan-transformer.ts';
import { factsOf } from './facts.ts';

/**
 * Drops outputs of subqueries in FROM that nothing reads. One is always kept, and so is one aggregate of a select that is
 * one group, since both decide how many rows there are.
 */
export function pruneColumns(plan: LogicalPlan): LogicalPlan {
  return new ColumnPruner(columnsUsed(plan.query)).plan(plan);
}

class ColumnPruner extends PlanTransformer {
  readonly #used: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(used: ReadonlyMap<string, ReadonlySet<string>>) {
    super();
    this.#used = used;
  }

  override relation(relation: PlanRelation): PlanRelation {
    if (relation.kind !== 'derived') return super.relation(relation);
    return super.relation(this.#prune(relation));
  }

  #prune(derived: DerivedRelation): DerivedRelation {
    const { body } = derived.query;
    const readsPlaces = (derived.query.orderBy ?? []).some((key) => key.value.kind === 'output');
    if (body.kind !== 'select' || body.distinct || readsPlaces) return derived;
    const used = new Set([...(this.#used.get(derived.alias) ?? [])].map((name) => name.toLowerCase()));
    const names = body.projections.map(({ name }, index) => derived.columns?.[index] ?? name);
    const kept = names.map((name) => used.has(name.toLowerCase()));
    keepWhatCounts(body, kept);
    if (kept.every(Boolean)) return derived;
    const projections = body.projections.filter((_, index) => kept[index]);
    const columns = names.filter((_, index) => kept[index]);
    return { ...derived, columns, query: { ...derived.query, body: { ...body, projections } } };
  }
}

function keepWhatCounts(select: SelectBody, kept: boolean[]): void {
  const facts = select.projections.map(({ value }) => factsOf(value));
  for (const [index, { isVolatile }] of facts.entries()) if (isVolatile) kept[index] = true;
  const aggregates = facts.flatMap(({ hasAggregate }, index) => (hasAggregate ? [index] : []));
  const [firstAggregate] = aggregates;
  if (!select.groupBy && firstAggregate !== undefined && !aggregates.some((index) => kept[index]))
    kept[firstAggregate] = true;
  if (!kept.some(Boolean)) kept[0] = true;
}
