import type { ExecutionReport, ExecutionStats } from '@hybridstore/contracts';
import { LruCache } from '@hybridstore/runtime';

const shapesMax = 10_000;
const tenantsMax = 10_000;
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
};

/** What executions taught: a factor for each shape of plan, and how good the predictions were for each tenant. Bounded; kept in memory only. */
export class Experience {
  readonly #isLearning: boolean;
  readonly #factors = new LruCache<string, number>(shapesMax);
  readonly #tenants = new LruCache<string, TenantSamples>(tenantsMax);

  constructor(isLearning: boolean) {
    this.#isLearning = isLearning;
  }

  /** By what the analytic time of a shape is multiplied. Tenants do not learn from each other. */
  factor(tenantId: string, shape: string): number {
    return this.#isLearning ? (this.#factors.get(`${tenantId}|${shape}`) ?? 1) : 1;
  }

  record(report: ExecutionReport): void {
    const samples: TenantSamples = this.#tenants.get(report.tenant_id) ?? {
      outcomes: new Map(),
      executions: 0,
      done: [],
    };
    this.#tenants.set(report.tenant_id, samples);
    samples.executions += 1;
    samples.outcomes.set(report.outcome, (samples.outcomes.get(report.outcome) ?? 0) + 1);
    // Only a finished execution says how long the plan takes.
    if (report.outcome !== 'done' || report.predicted_ms <= 0) return;
    const ratio = Math.max(msSmallest, report.execute_ms) / report.predicted_ms;
    samples.done.push({ ms: report.execute_ms, error: Math.max(ratio, 1 / ratio) });
    if (samples.done.length > samplesPerTenantMax) samples.done.shift();
    this.#learn(`${report.tenant_id}|${report.shape}`, ratio);
  }

  /** The prediction already held the factor of its time, so the ratio corrects the factor itself; averaged as logarithms, twice and half weigh the same. */
  #learn(key: string, ratio: number): void {
    const before = Math.log(this.#factors.get(key) ?? 1);
    const next = Math.exp(before + learningRate * Math.log(ratio));
    this.#factors.set(key, Math.min(factorMax, Math.max(1 / factorMax, next)));
  }

  stats(tenantId: string): ExecutionStats {
    const samples = this.#tenants.get(tenantId);
    return {
      executions: samples?.executions ?? 0,
      outcomes: Object.fromEntries(samples?.outcomes ?? []),
      execute_ms: quantiles((samples?.done ?? []).map((one) => one.ms)),
      q_error: quantiles((samples?.done ?? []).map((one) => one.error)),
      shapes: this.#factors.size,
      learning_enabled: this.#isLearning,
    };
  }
}

function quantiles(values: readonly number[]): ExecutionStats['q_error'] {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}
