import type {
  DerivedRelation,
  LogicalPlan,
  PlanExpression,
  PlanQuery,
  PlanRelation,
  QueryBody,
  SelectBody,
} from '@hybridstore/contracts';
import { firstNames } from '../check-plan.ts';
import { allOf, conjuncts } from '../nodes.ts';
import { PlanTransformer } from '../plan-transformer.ts';
import { factsOf, protectedAliases, substitute } from './facts.ts';

/**
 * Moves conditions on a subquery in FROM into it, so that its scans can skip files. A condition moves only where it
 * filters the same rows before and after: not below LIMIT, DISTINCT ON, windows or QUALIFY; below GROUP BY only when it
 * reads keys; never into a side of a join that may be filled with nulls. Into a union it moves into every input.
 */
export function pushDownFilters(plan: LogicalPlan): LogicalPlan {
  return new FilterPusher().plan(plan);
}

class FilterPusher extends PlanTransformer {
  override select(select: SelectBody): SelectBody {
    if (!select.from || !select.where) return super.select(select);
    const kept: PlanExpression[] = [];
    let from = select.from;
    const untouchable = protectedAliases(select.from);
    for (const condition of conjuncts(select.where)) {
      const facts = factsOf(condition);
      const [alias] = facts.aliases;
      const isMovable =
        facts.aliases.size === 1 &&
        alias !== undefined &&
        !facts.hasSubquery &&
        !facts.isVolatile &&
        !untouchable.has(alias);
      const moved = isMovable ? pushInto(from, alias, condition) : undefined;
      if (moved) from = moved;
      else kept.push(condition);
    }
    const { where: _, ...rest } = select;
    const where = allOf(kept);
    // Subqueries that got a condition may hand it further down.
    return super.select({ ...rest, from, ...(where ? { where } : {}) });
  }
}

function pushInto(relation: PlanRelation, alias: string, condition: PlanExpression): PlanRelation | undefined {
  if (relation.kind === 'derived') return relation.alias === alias ? pushIntoDerived(relation, condition) : undefined;
  if (relation.kind !== 'join') return undefined;
  const first = pushInto(relation.first, alias, condition);
  if (first) return { ...relation, first };
  for (const [index, step] of relation.steps.entries()) {
    const right = pushInto(step.right, alias, condition);
    if (right) return { ...relation, steps: relation.steps.with(index, { ...step, right }) };
  }
  return undefined;
}

function pushIntoDerived(derived: DerivedRelation, condition: PlanExpression): DerivedRelation | undefined {
  const { query } = derived;
  if (derived.lateral || query.limit || query.offset || query.with) return undefined;
  const names = firstNames(query.body).map((name, index) => derived.columns?.[index] ?? name);
  const body = filterBody(query.body, { condition, alias: derived.alias, names });
  return body ? { ...derived, query: { ...query, body } } : undefined;
}

type Pushed = { readonly condition: PlanExpression; readonly alias: string; readonly names: readonly string[] };

function filterBody(body: QueryBody, pushed: Pushed): QueryBody | undefined {
  switch (body.kind) {
    case 'select':
      return filterSelect(body, pushed);
    case 'set_operation': {
      const inputs = body.inputs.map((input) => filterBody(input, pushed));
      const whole = inputs.filter((input) => input !== undefined);
      return whole.length === inputs.length ? { ...body, inputs: whole } : undefined;
    }
    case 'query':
      return filterQuery(body, pushed);
    case 'values':
      return undefined;
  }
}

function filterQuery(query: PlanQuery, pushed: Pushed): PlanQuery | undefined {
  if (query.limit || query.offset || query.with) return undefined;
  const body = filterBody(query.body, pushed);
  return body ? { ...query, body } : undefined;
}

function filterSelect(select: SelectBody, pushed: Pushed): SelectBody | undefined {
  if (select.distinct?.kind === 'on' || select.qualify || !select.from) return undefined;
  const outputs = select.projections.map(({ value }) => ({ value, facts: factsOf(value) }));
  if (outputs.some(({ facts }) => facts.hasWindow || facts.isVolatile)) return undefined;
  const isGrouped =
    select.groupBy !== undefined || select.having !== undefined || outputs.some(({ facts }) => facts.hasAggregate);
  let isSafe = true;
  const condition = substitute(pushed.condition, (relation, name) => {
    if (relation !== pushed.alias) return undefined;
    const output = outputs[pushed.names.findIndex((known) => known.toLowerCase() === name.toLowerCase())];
    if (!output || output.facts.hasSubquery || (isGrouped && !isKey(select, output.value))) {
      isSafe = false;
      return undefined;
    }
    return output.value;
  });
  if (!isSafe) return undefined;
  const where = allOf([select.where, condition]);
  return { ...select, ...(where ? { where } : {}) };
}

/** Plain keys only: a row of ROLLUP has null where the key is summed over. */
function isKey(select: SelectBody, value: PlanExpression): boolean {
  if (!select.groupBy?.every((element) => element.kind === 'key')) return false;
  const wanted = JSON.stringify(value);
  return select.groupBy.some((element) => element.kind === 'key' && JSON.stringify(element.value) === wanted);
}
