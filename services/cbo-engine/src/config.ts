import type { Environment } from '@hybridstore/runtime';

export type OptimizerConfig = {
  readonly catalogUrl: string;
  /** Statistics older than this are never used, not even while the catalog is away. */
  readonly statisticsAgeMsMax: number;
  readonly isLearning: boolean;
  readonly schemaAgeMsMax: number;
  readonly plansMax: number;
};

/** Reads and checks every variable of this service; a wrong one is refused by name. */
export function readConfig(environment: Environment): OptimizerConfig {
  return {
    catalogUrl: environment.url('METADATA_CATALOG_URL', 'http://metadata-catalog:8083'),
    statisticsAgeMsMax:
      60_000 * environment.number('STATISTICS_REFRESH_INTERVAL', { fallback: 30, min: 0.01, max: 10_080 }),
    isLearning: environment.boolean('COST_MODEL_LEARNING_ENABLED', true),
    schemaAgeMsMax: 1_000 * environment.number('QUERY_CACHE_TTL', { fallback: 300, min: 0, max: 86_400 }),
    plansMax: environment.integer('MAX_EXECUTION_PLANS', { fallback: 5, min: 1, max: 64 }),
  };
}
