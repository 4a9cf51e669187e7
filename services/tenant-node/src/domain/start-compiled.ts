import type { LogicalPlan } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { columnsVersion, isHybridStoreError } from '@hybridstore/runtime';
import type { QueryRequest, QueryRunner, RunningQuery } from './query-runner.ts';

export type Compiled = Omit<QueryRequest, 'plan' | 'restsOn'> & {
  readonly sourceIds: readonly string[];
  readonly compile: (schemas: PlanSchemas) => LogicalPlan;
};

/**
 * Starts a query that is compiled from columns. Those that are known serve first: the view of each source looks at its
 * table anyway, and refuses a plan for other columns. Only then, or where the request makes no sense with what is known, the
 * newest are looked up for it.
 */
export async function startCompiled(queries: QueryRunner, query: Compiled): Promise<RunningQuery> {
  const { sourceIds, compile, ...request } = query;
  const known = queries.knownSchemas(sourceIds);
  const plan = known && compileKnown(compile, known);
  if (known && plan)
    try {
      return await queries.start({ ...request, plan, restsOn: columnsOf(known) });
    } catch (error) {
      if (!isHybridStoreError(error, 'conflict') || error.details['plan_too_old'] !== true) throw error;
    }
  return queries.start({ ...request, plan: compile(await queries.schemas(sourceIds)) });
}

/** What is refused for columns that may be old is not refused yet. */
function compileKnown(compile: Compiled['compile'], known: PlanSchemas): LogicalPlan | undefined {
  try {
    return compile(known);
  } catch (error) {
    if (isHybridStoreError(error, 'invalid_request')) return undefined;
    throw error;
  }
}

function columnsOf(schemas: PlanSchemas) {
  return [...schemas].map(([source_id, { columns }]) => ({ source_id, columns: columnsVersion(columns) }));
}
