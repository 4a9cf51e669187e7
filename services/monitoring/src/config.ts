import type { Environment } from '@hybridstore/runtime';

export type MonitoringConfig = {
  readonly dataPath: string;
  readonly targetsFile: string;
  readonly intervalMs: number;
  readonly logRetentionMs: number;
  readonly logBytesMax: number;
  readonly isPrometheusEnabled: boolean;
  readonly isGrafanaEnabled: boolean;
};

const dayMs = 86_400_000;

/** Reads and checks every variable of this service; a wrong one is refused by name. */
export function readConfig(environment: Environment): MonitoringConfig {
  return {
    dataPath: environment.text('DATA_PATH', './data'),
    targetsFile: environment.text('TARGETS_FILE'),
    intervalMs: 1_000 * environment.number('METRICS_INTERVAL_SECONDS', { fallback: 15, min: 0.1, max: 3_600 }),
    logRetentionMs: dayMs * environment.number('LOG_RETENTION_DAYS', { fallback: 7, min: 0.01, max: 3_650 }),
    logBytesMax: environment.integer('LOG_BYTES_MAX', { fallback: 2 ** 30, min: 2 ** 16, max: 2 ** 50 }),
    isPrometheusEnabled: environment.boolean('PROMETHEUS_ENABLED', true),
    isGrafanaEnabled: environment.boolean('GRAFANA_ENABLED', false),
  };
}
