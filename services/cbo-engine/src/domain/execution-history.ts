import type { ExecutionReport, ExecutionStats } from '@hybridstore/contracts';
import { LruCache } from '@hybridstore/runtime';

const tenantsMax = 10_000;
/** Each tenant's own, so that one with many shapes makes no other forget. */
const shapesPerTenantMax = 256;
const samplesPerTenantMax = 1_000;
/** One sample moves the estimate by this share: a changed machine is believed after some ten executions. */
const learningRate = 0.2;
/** However wrong the model was, a factor beyond this comes from something else (a paused process, a cold disk). */
const factorMax = 16;
/** Below this, what is measured is the clock. */
const msSmallest = 0.1;

type TenantSamples = {
  readonly outcomes: Map<string, number>;
  executions: number;
  readonly done: { readonly ms: number; readonly error: number }[];
  readonly factors: LruCache<string, number>;
};

/**
 * What past executions show: a factor for each shape of plan, and how good the predictions were for each tenant. Bounded;
 * kept in memory only.
 */
export class ExecutionHistory {
  readonly #isLearning: boolean;
  readonly #tenants = new LruCache<string, TenantSamples>(tenantsMax);

  constructor(isLearning: boolean) {
    this.#isLearning = isLearning;
  }

  /** By what the analytic time of a shape is multiplied. Tenants do not learn from each other. */
  factor(tenantId: string, shape: string): number {
    return this.#isLearning ? (this.#tenants.get(tenantId)?.factors.get(shape) ?? 1) : 1;
  }

  record(report: ExecutionReport): void {
    const samples: TenantSamples = this.#tenants.get(report.tenant_id) ?? {
      outcomes: new Map(),
      executions: 0,
      done: [],
      factors: new LruCache(shapesPerTenantMax),
    };
    this.#tenants.set(report.tenant_id, samples);
    samples.executions += 1;
    samples.outcomes.set(report.outcome, (samples.outcomes.get(report.outcome) ?? 0) + 1);
    // Only a finished execution says how long the plan takes.
    if (report.outcome !== 'done' || report.predicted_ms <= 0) return;
    const ratio = Math.max(msSmallest, report.execute_ms) / report.predicted_ms;
    samples.done.push({ ms: report.execute_ms, error: Math.max(ratio, 1 / ratio) });
    if (samples.done.length > samplesPerTenantMax) samples.done.shift();
    learn(samples.factors, report.shape, ratio);
  }

  stats(tenantId: string): ExecutionStats {
    const samples = this.#tenants.get(tenantId);
    return {
      executions: samples?.executions ?? 0,
      outcomes: Object.fromEntries(samples?.outcomes ?? []),
      execute_ms: quantiles((samples?.done ?? []).map((one) => one.ms)),
      q_error: quantiles((samples?.done ?? []).map((one) => one.error)),
      shapes: samples?.factors.size ?? 0,
      learning_enabled: this.#isLearning,
    };
  }
}

/** The prediction already held the factor of its time, so the ratio corrects the factor itself; averaged as logarithms, twice and half weigh the same. */
function learn(factors: LruCache<string, number>, shape: string, ratio: number): void {
  const before = Math.log(factors.get(shape) ?? 1);
  const next = Math.exp(before + learningRate * Math.log(ratio));
  factors.set(shape, Math.min(factorMax, Math.max(1 / factorMax, next)));
}

function quantiles(values: readonly number[]): ExecutionStats['q_error'] {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}
