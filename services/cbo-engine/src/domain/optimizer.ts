import type {
  CostEstimate,
  EstimateResponse,
  LogicalPlan,
  OptimizeResponse,
  PlanAlternative,
  ScanEstimate,
  ScanStatistics,
} from '@hybridstore/contracts';
import { checkPlan, listScans, type PlanSchemas, printTree, scanPredicates } from '@hybridstore/plan';
import { inField, requireSource, type TenantCaller } from '@hybridstore/runtime';
import { estimateCardinalities } from './cardinality.ts';
import { readTableStatistics } from './column-statistics.ts';
import { estimateCostMs } from './cost.ts';
import type { ExecutionHistory } from './execution-history.ts';
import { shapeOf } from './shape.ts';
import { buildSmallestFirst } from './smallest-first.ts';
import type { KnownStatistics, StatisticsSource } from './statistics-source.ts';

/** An alternative has to promise this much before it is preferred: DuckDB orders joins itself, and mostly well. */
const clearlyBetter = 0.8;

/** A plan to judge, for the tenant of the caller with whose token its statistics are read. */
export type OptimizeInput = { readonly plan: LogicalPlan; readonly caller: TenantCaller };
type Candidate = { readonly name: PlanAlternative['name']; readonly plan: LogicalPlan; readonly cost: CostEstimate };

/** Estimates the cost of plans from statistics and past executions, and chooses. It never changes what a plan answers. */
export class Optimizer {
  readonly #statistics: StatisticsSource;
  readonly #history: ExecutionHistory;
  readonly #plansMax: number;

  constructor(options: {
    readonly statistics: StatisticsSource;
    readonly history: ExecutionHistory;
    readonly plansMax: number;
  }) {
    this.#statistics = options.statistics;
    this.#history = options.history;
    this.#plansMax = options.plansMax;
  }

  async optimize(input: OptimizeInput): Promise<OptimizeResponse> {
    const { plan, caller } = input;
    const known = await this.#readStatistics(input);
    const shape = shapeOf(plan);
    const factor = this.#history.factor(caller.tenant, shape);
    const written: Candidate = { name: 'as_written', plan, cost: estimateCost(plan, known, factor) };
    const candidates = [written, ...alternativesTo(written, known, factor)].slice(0, this.#plansMax);
    const best = candidates.reduce((a, b) => (b.cost.predicted_ms < a.cost.predicted_ms * clearlyBetter ? b : a));
    return {
      optimized_plan: best.plan,
      shape,
      cost: best.cost,
      alternatives: candidates.map(({ name, cost }) => ({ name, cost, chosen: name === best.name })),
      statistics_cached: known.isCached,
    };
  }

  async estimate(input: OptimizeInput): Promise<EstimateResponse> {
    const known = await this.#readStatistics(input);
    const shape = shapeOf(input.plan);
    const cost = estimateCost(input.plan, known, this.#history.factor(input.caller.tenant, shape));
    return { shape, cost, tree: [printTree(input.plan), ...cost.scans.map(describeEstimate)].join('\n') };
  }

  async #readStatistics({ plan, caller }: OptimizeInput): Promise<KnownStatistics> {
    for (const table of plan.tables) requireSource(caller, 'read', table.source);
    const { tenant: tenantId, token } = caller;
    inField('query_plan', () => checkPlan(plan));
    const schemas: PlanSchemas = await this.#statistics.schemas({
      tenantId,
      token,
      sources: plan.tables.map((table) => table.source),
    });
    inField('query_plan', () => checkPlan(plan, schemas));
    return this.#statistics.statistics({ tenantId, token, scans: scanPredicates(plan, schemas) });
  }
}

function describeEstimate(scan: ScanEstimate): string {
  const files = `${scan.files_matched} of ${scan.files_total} files`;
  return `-- ${scan.alias}: ${files}, about ${Math.round(scan.rows_estimated)} of ${scan.rows_total} rows`;
}

function alternativesTo(written: Candidate, known: KnownStatistics, factor: number): Candidate[] {
  const rowsByAlias = new Map(written.cost.scans.map((scan) => [scan.alias, scan.rows_estimated]));
  const plan = buildSmallestFirst(written.plan, rowsByAlias);
  return plan ? [{ name: 'smallest_first', plan, cost: estimateCost(plan, known, factor) }] : [];
}

function estimateCost(plan: LogicalPlan, known: KnownStatistics, factor: number): CostEstimate {
  const tables = new Map([...known.byAlias].map(([alias, statistics]) => [alias, readTableStatistics(statistics)]));
  const { rowsOut, rowsByAlias, work } = estimateCardinalities(plan, tables);
  const scans = listScans(plan.query).flatMap((scan) => {
    const statistics = known.byAlias.get(scan.alias);
    return statistics ? [describeScan(scan.alias, statistics, rowsByAlias.get(scan.alias) ?? statistics.rows)] : [];
  });
  const bytes = scans.reduce((sum, scan) => sum + scan.bytes_matched, 0);
  const files = scans.reduce((sum, scan) => sum + scan.files_matched, 0);
  return {
    predicted_ms: estimateCostMs(work, files, bytes) * factor,
    memory_bytes: work.heldBytes,
    rows_out: rowsOut,
    bytes_read: bytes,
    rows_processed: scans.reduce((sum, scan) => sum + scan.rows_matched, 0),
    learned_factor: factor,
    scans,
  };
}

function describeScan(alias: string, statistics: ScanStatistics, rowsEstimated: number): ScanEstimate {
  return {
    source_id: statistics.source_id,
    alias,
    table_version: statistics.table_version,
    files_total: statistics.files,
    files_matched: statistics.matched_files,
    bytes_total: statistics.bytes,
    bytes_matched: statistics.matched_bytes,
    rows_total: statistics.rows + statistics.unflushed_rows,
    rows_matched: statistics.matched_rows + statistics.unflushed_rows,
    rows_estimated: rowsEstimated,
  };
}
