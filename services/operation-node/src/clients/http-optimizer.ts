import { cboEngine, type LogicalPlan } from '@hybridstore/contracts';
import type { HttpClient } from '@hybridstore/http';
import type { OptimizedQuery, Optimizer, QueryCall } from '../ports.ts';
import type { CircuitBreakers } from './circuit-breakers.ts';

export type OptimizerParts = { readonly client: HttpClient; readonly breakers: CircuitBreakers; readonly url: string };

/** The cost-based optimizer over HTTP. One try: the coordinator goes on without it. */
export class HttpOptimizer implements Optimizer {
  readonly #parts: OptimizerParts;

  constructor(parts: OptimizerParts) {
    this.#parts = parts;
  }

  async optimize(plan: LogicalPlan, call: QueryCall): Promise<OptimizedQuery> {
    const { client, breakers, url } = this.#parts;
    const answer = await breakers.run('cbo-engine', call.signal, () =>
      client.call(url, cboEngine.optimize, { ...call, body: { query_plan: plan } }),
    );
    return { plan: answer.optimized_plan, shape: answer.shape, predictedMs: answer.cost.predicted_ms };
  }
}
