import { resolve } from 'node:path';
import type { PlatformSettings } from '@hybridstore/operator';

export type ServiceName = keyof PlatformSettings['services'];
export type Variables = Readonly<Record<string, string | undefined>>;

/** What a service reads beside the addresses, ports and files that the platform gives it. */
export const variablesOf: Readonly<Record<ServiceName, readonly string[]>> = {
  'auth-gateway': [
    'JWT_EXPIRATION_HOURS',
    'ALLOWED_ORIGINS',
    'BCRYPT_ROUNDS',
    'KEEP_ALIVE_SECONDS',
    'LEGACY_USERS_FILE',
    'REGISTRATION_ROLE',
    'REGISTRATION_SOURCES',
    'REGISTRATION_TENANT',
    'SELF_REGISTRATION',
    'TRUSTED_PROXIES',
  ],
  'operation-node': [
    'AUTO_SCALING_ENABLED',
    'MAX_CONCURRENT_QUERIES',
    'MAX_CONCURRENT_QUERIES_PER_TENANT',
    'MAX_WORKERS',
    'MIN_WORKERS',
    'OPTIMIZE_TIMEOUT_MS',
    'QUEUE_LENGTH_MAX',
    'QUEUE_LENGTH_PER_TENANT_MAX',
    'SCALE_DOWN_THRESHOLD_CPU',
    'SCALE_UP_THRESHOLD_CPU',
    'STATEMENT_TIMEOUT_SECONDS',
    'STATEMENT_TIMEOUT_SECONDS_MAX',
  ],
  'cbo-engine': [
    'COST_MODEL_LEARNING_ENABLED',
    'MAX_EXECUTION_PLANS',
    'QUERY_CACHE_TTL',
    'STATISTICS_REFRESH_INTERVAL',
  ],
  'metadata-catalog': [
    'AUTO_COMPACTION_ENABLED',
    'COMPACTIONS_CONCURRENT_MAX',
    'COMPACTION_INTERVAL_MINUTES',
    'COMPACTION_TIMEOUT_SECONDS',
    'INDEX_CELLS_MAX',
    'MAX_FILE_SIZE_MB',
    'MIN_FILE_SIZE_MB',
    'REFRESH_INTERVAL_SECONDS',
    'REFRESH_TIMEOUT_SECONDS',
  ],
  monitoring: [
    'GRAFANA_ENABLED',
    'LOG_BYTES_MAX',
    'LOG_RETENTION_DAYS',
    'METRICS_INTERVAL_SECONDS',
    'PROMETHEUS_ENABLED',
  ],
  'query-interpreter': [
    'CONFIG_FILE',
    'DSL_VALIDATION_ENABLED',
    'PARSER_THREADS',
    'PARSING_TIMEOUT_SECONDS',
    'QUERY_PLAN_CACHE_SIZE',
    'SQLGLOT_DIALECT',
    'SQL_DIALECT',
  ],
};

/** What is meant for a single node or service, and where the same is said here. */
const saidElsewhere: Readonly<Record<string, string>> = {
  TENANT_ID: 'the name of a Tenant (examples/tenant.yaml)',
  TENANT_NAME: 'spec.displayName of a Tenant',
  DATA_PATH: '--data-dir',
  LOG_PATH: '--data-dir',
  USERS_PATH: '--data-dir',
  MAX_CONCURRENT_SEARCHES: 'spec.limits.maxConcurrentSearches of a Tenant',
  WAL_RETENTION_HOURS: 'spec.wal.retentionHours of a Tenant',
};

export type GivenVariables = {
  readonly byService: Readonly<Partial<Record<ServiceName, Readonly<Record<string, string>>>>>;
  /** A line for each that does nothing here. */
  readonly notes: readonly string[];
};

/** The variables of this process that are a service's own; each goes to the services that read it. */
export function readServiceVariables(variables: Variables): GivenVariables {
  const services = Object.keys(variablesOf) as ServiceName[]; // the keys of a Record of names
  const byService = Object.fromEntries(
    services.map((service) => [
      service,
      Object.fromEntries(
        variablesOf[service].flatMap((name) => {
          const value = variables[name];
          // Services run in folders of their own.
          return value === undefined ? [] : [[name, name.endsWith('_FILE') ? resolve(value) : value]];
        }),
      ),
    ]),
  );
  const notes = Object.entries(saidElsewhere).flatMap(([name, place]) =>
    variables[name] === undefined ? [] : [`${name} has no effect here: it is ${place}`],
  );
  return { byService, notes };
}
