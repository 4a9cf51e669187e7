import {
  type LogicalPlan,
  type PlanParameter,
  type PlanQuery,
  type PlanRelation,
  type PlanTable,
  planVersion,
  type Warning,
} from '@hybridstore/contracts';
import { PlanTransformer } from './plan-transformer.ts';
import { walkQuery } from './walk-plan.ts';

/** Makes a plan of a query: narrows each scan to the columns that the query uses, lists the tables, freezes all of it. */
export function finishPlan(
  query: PlanQuery,
  parameters: readonly PlanParameter[] = [],
  warnings: readonly Warning[] = [],
): LogicalPlan {
  const used = columnsUsed(query);
  const narrowed = new ScanNarrower(used).query(query);
  return deepFreeze({
    kind: 'plan',
    version: planVersion,
    query: narrowed,
    parameters,
    tables: listTables(narrowed),
    ...(warnings.length > 0 ? { warnings } : {}),
  });
}

/** Column names by alias of the relation that they are read from. */
export function columnsUsed(query: PlanQuery): ReadonlyMap<string, ReadonlySet<string>> {
  const used = new Map<string, Set<string>>();
  const add = (alias: string, name: string) => {
    const names = used.get(alias) ?? new Set<string>();
    names.add(name);
    used.set(alias, names);
  };
  walkQuery(query, {
    expression: (node) => void (node.kind === 'column' && add(node.relation, node.name)),
    relation: (node) => {
      for (const [alias, name] of usingColumns(node)) add(alias, name);
    },
  });
  return used;
}

/** USING reads its columns from both sides without naming a relation; every scan there may be the one that has them. */
function usingColumns(relation: PlanRelation): [alias: string, column: string][] {
  if (relation.kind !== 'join') return [];
  const found: [string, string][] = [];
  const seen = scansOf(relation.first);
  for (const step of relation.steps) {
    seen.push(...scansOf(step.right));
    for (const name of step.using ?? []) {
      for (const scan of seen) if (scan.columns.includes(name)) found.push([scan.alias, name]);
    }
  }
  return found;
}

function scansOf(relation: PlanRelation): { readonly alias: string; readonly columns: readonly string[] }[] {
  if (relation.kind === 'scan') return [relation];
  if (relation.kind !== 'join') return [];
  return [...scansOf(relation.first), ...relation.steps.flatMap((step) => scansOf(step.right))];
}

class ScanNarrower extends PlanTransformer {
  readonly #used: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(used: ReadonlyMap<string, ReadonlySet<string>>) {
    super();
    this.#used = used;
  }

  override relation(relation: PlanRelation): PlanRelation {
    if (relation.kind !== 'scan') return super.relation(relation);
    const used = this.#used.get(relation.alias);
    return { ...relation, columns: relation.columns.filter((name) => used?.has(name) ?? false) };
  }
}

/** Sources of a query with the columns that its scans read, sorted by name. */
export function listTables(query: PlanQuery): readonly PlanTable[] {
  const tables = new Map<string, Set<string>>();
  walkQuery(query, {
    relation: (node) => {
      if (node.kind !== 'scan') return;
      const columns = tables.get(node.source) ?? new Set<string>();
      for (const name of node.columns) columns.add(name);
      tables.set(node.source, columns);
    },
  });
  return [...tables.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, columns]) => ({ source, columns: [...columns].sort() }));
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
