import type {
  CostEstimate,
  LogicalPlan,
  OptimizeResponse,
  PlanAlternative,
  ScanEstimate,
  ScanStatistics,
} from '@hybridstore/contracts';
import { checkPlan, listScans, type PlanSchemas, scanPredicates } from '@hybridstore/plan';
import { estimateCardinalities } from './cardinality.ts';
import { readScanFacts } from './column-facts.ts';
import type { Experience } from './experience.ts';
import { priceWork } from './price.ts';
import { shapeOf } from './shape.ts';
import { buildSmallestFirst } from './smallest-first.ts';
import type { KnownStatistics, StatisticsSource } from './statistics-source.ts';

/** An alternative has to promise this much before it is preferred: DuckDB orders joins itself, and mostly well. */
const clearlyBetter = 0.8;

export type Question = { readonly plan: LogicalPlan; readonly tenantId: string; readonly token: string };
type Priced = { readonly name: PlanAlternative['name']; readonly plan: LogicalPlan; readonly cost: CostEstimate };

/** Prices plans from statistics and experience, and chooses. It never changes what a plan answers. */
export class Optimizer {
  readonly #statistics: StatisticsSource;
  readonly #experience: Experience;
  readonly #plansMax: number;

  constructor(options: {
    readonly statistics: StatisticsSource;
    readonly experience: Experience;
    readonly plansMax: number;
  }) {
    this.#statistics = options.statistics;
    this.#experience = options.experience;
    this.#plansMax = options.plansMax;
  }

  async optimize(question: Question): Promise<OptimizeResponse> {
    const { plan, tenantId } = question;
    const known = await this.#look(question);
    const shape = shapeOf(plan);
    const factor = this.#experience.factor(tenantId, shape);
    const written: Priced = { name: 'as_written', plan, cost: price(plan, known, factor) };
    const priced = [written, ...alternativesTo(written, known, factor)].slice(0, this.#plansMax);
    const best = priced.reduce((a, b) => (b.cost.predicted_ms < a.cost.predicted_ms * clearlyBetter ? b : a));
    return {
      optimized_plan: best.plan,
      shape,
      cost: best.cost,
      alternatives: priced.map(({ name, cost }) => ({ name, cost, chosen: name === best.name })),
      statistics_cached: known.isCached,
    };
  }

  async estimate(question: Question): Promise<{ readonly shape: string; readonly cost: CostEstimate }> {
    const known = await this.#look(question);
    const shape = shapeOf(question.plan);
    return { shape, cost: price(question.plan, known, this.#experience.factor(question.tenantId, shape)) };
  }

  async #look({ plan, tenantId, token }: Question): Promise<KnownStatistics> {
    checkPlan(plan);
    const schemas: PlanSchemas = await this.#statistics.schemas({
      tenantId,
      token,
      sources: plan.tables.map((table) => table.source),
    });
    checkPlan(plan, schemas);
    return this.#statistics.statistics({ tenantId, token, scans: scanPredicates(plan, schemas) });
  }
}

function alternativesTo(written: Priced, known: KnownStatistics, factor: number): Priced[] {
  const rowsByAlias = new Map(written.cost.scans.map((scan) => [scan.alias, scan.rows_estimated]));
  const plan = buildSmallestFirst(written.plan, rowsByAlias);
  return plan ? [{ name: 'smallest_first', plan, cost: price(plan, known, factor) }] : [];
}

function price(plan: LogicalPlan, known: KnownStatistics, factor: number): CostEstimate {
  const facts = new Map([...known.byAlias].map(([alias, statistics]) => [alias, readScanFacts(statistics)]));
  const { rowsOut, rowsByAlias, work } = estimateCardinalities(plan, facts);
  const scans = listScans(plan.query).flatMap((scan) => {
    const statistics = known.byAlias.get(scan.alias);
    return statistics ? [describeScan(scan.alias, statistics, rowsByAlias.get(scan.alias) ?? statistics.rows)] : [];
  });
  const bytes = scans.reduce((sum, scan) => sum + scan.bytes_matched, 0);
  const files = scans.reduce((sum, scan) => sum + scan.files_matched, 0);
  return {
    predicted_ms: priceWork(work, files, bytes) * factor,
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
