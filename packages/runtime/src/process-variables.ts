import type { ServiceName } from '@hybridstore/contracts';

/**
 * Every variable that a process of the platform reads: the one place that knows the names. `own` are for people to set;
 * `given` are set by what runs the process (operator, embedded platform), beside where people say the same; `moved` came
 * from an older system, are checked, and do nothing, beside where the same is said now.
 */
export type ProcessVariables = {
  readonly own: readonly string[];
  readonly given: Readonly<Record<string, string>>;
  readonly moved: Readonly<Record<string, string>>;
};

const address = 'the address that the platform gives';
const folder = 'a volume that the platform gives';
const keys = 'a key that the operator makes';
const ownFile = 'a file that the operator makes';

/** Of every process. */
const ofEvery = {
  own: ['CONFIG_FILE', 'LOG_LEVEL', 'TOKEN_LEEWAY_SECONDS'],
  given: {
    AUTH_GATEWAY_URL: address,
    HOST: address,
    HYBRIDSTORE_HOSTS_FILE: ownFile,
    HYBRIDSTORE_VERSION: 'the version that the platform gives',
    JWKS_FILE: keys,
    LOG_LEVEL_FILE: 'logLevel of the chart',
    METRICS_PORT: 'network.metricsPort of the chart',
    PORT: address,
    POD_NAME: 'the name of the pod',
    PROBE_PORT: address,
    SERVICE_ISSUER: keys,
    SERVICE_SECRET_FILE: keys,
    SHUTDOWN_DELAY_SECONDS: 'shutdownDelaySeconds of the chart',
    SHUTDOWN_FINISH_SECONDS: 'shutdownFinishSeconds of the chart',
  },
} as const;

export const processVariables = {
  'auth-gateway': {
    own: [
      ...ofEvery.own,
      'ALLOWED_ORIGINS',
      'BCRYPT_ROUNDS',
      'JWT_EXPIRATION_HOURS',
      'JWT_SECRET',
      'KEEP_ALIVE_SECONDS',
      'LEGACY_USERS_FILE',
      'REGISTRATION_ROLE',
      'REGISTRATION_SOURCES',
      'REGISTRATION_TENANT',
      'SELF_REGISTRATION',
      'TRUSTED_PROXIES',
    ],
    given: {
      ...ofEvery.given,
      ADMIN_PASSWORD_FILE: ownFile,
      ADMIN_USERNAME: 'admin, whom the operator makes',
      CBO_ENGINE_URL: address,
      DATA_PATH: folder,
      GATEWAY_REPLICAS: 'services.auth-gateway.replicas of the chart',
      JWT_SECRET_FILE: keys,
      METADATA_CATALOG_URL: address,
      MONITORING_URL: address,
      OPERATION_NODE_URL: address,
      POSTGRES_CA_FILE: 'store.postgres.caSecret of the chart',
      POSTGRES_DATABASE: 'store.postgres.database of the chart',
      POSTGRES_HOST: 'store.postgres.host of the chart',
      POSTGRES_PASSWORD_FILE: 'store.postgres.credentialsSecret of the chart',
      POSTGRES_PORT: 'store.postgres.port of the chart',
      POSTGRES_TLS_MODE: 'store.postgres.tlsMode of the chart',
      POSTGRES_USER_FILE: 'store.postgres.credentialsSecret of the chart',
      QUERY_INTERPRETER_URL: address,
      TENANT_URL_TEMPLATE: address,
      USERS_PATH: folder,
      USER_STORE_URL: address,
    },
    moved: {},
  },
  'operation-node': {
    own: [
      ...ofEvery.own,
      'MAX_CONCURRENT_QUERIES',
      'MAX_CONCURRENT_QUERIES_PER_TENANT',
      'OPTIMIZE_TIMEOUT_MS',
      'QUEUE_LENGTH_MAX',
      'QUEUE_LENGTH_PER_TENANT_MAX',
      'STATEMENT_TIMEOUT_SECONDS',
      'STATEMENT_TIMEOUT_SECONDS_MAX',
    ],
    given: {
      ...ofEvery.given,
      CBO_ENGINE_URL: address,
      POD_IP: address,
      QUERY_INTERPRETER_URL: address,
      REPLICAS_URL: address,
      TENANT_URL_TEMPLATE: address,
    },
    moved: {
      AUTO_SCALING_ENABLED: 'spec.autoscaling.mode of a Tenant',
      MAX_WORKERS: 'spec.autoscaling.maxReplicas of a Tenant',
      MIN_WORKERS: 'spec.autoscaling.minReplicas of a Tenant',
      SCALE_DOWN_THRESHOLD_CPU: 'spec.autoscaling.scaleDownThresholdCPU of a Tenant',
      SCALE_UP_THRESHOLD_CPU: 'spec.autoscaling.scaleUpThresholdCPU of a Tenant',
    },
  },
  'cbo-engine': {
    own: [
      ...ofEvery.own,
      'COST_MODEL_LEARNING_ENABLED',
      'MAX_EXECUTION_PLANS',
      'QUERY_CACHE_TTL',
      'STATISTICS_REFRESH_INTERVAL',
    ],
    given: { ...ofEvery.given, METADATA_CATALOG_URL: address },
    moved: {},
  },
  'metadata-catalog': {
    own: [
      ...ofEvery.own,
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
    given: { ...ofEvery.given, DATA_PATH: folder, TENANT_URL_TEMPLATE: address },
    moved: {},
  },
  monitoring: {
    own: [
      ...ofEvery.own,
      'GRAFANA_ENABLED',
      'LOG_BYTES_MAX',
      'LOG_RETENTION_DAYS',
      'METRICS_INTERVAL_SECONDS',
      'PROMETHEUS_ENABLED',
    ],
    given: { ...ofEvery.given, DATA_PATH: folder, TARGETS_FILE: ownFile },
    moved: {},
  },
  'query-interpreter': {
    own: [
      ...ofEvery.own,
      'DSL_VALIDATION_ENABLED',
      'PARSER_THREADS',
      'PARSING_TIMEOUT_SECONDS',
      'QUERY_PLAN_CACHE_SIZE',
      'SQLGLOT_DIALECT',
      'SQL_DIALECT',
    ],
    given: { ...ofEvery.given, METADATA_CATALOG_URL: address, TENANT_URL_TEMPLATE: address },
    moved: {},
  },
  'tenant-node': {
    own: [
      ...ofEvery.own,
      'BATCH_IDS_MAX',
      'BATCH_ID_RETENTION_HOURS',
      'COMMITS_PER_CHECKPOINT',
      'EXECUTOR_THREADS',
      'EXECUTOR_ULIMIT',
      'FLUSH_BYTES',
      'FLUSH_INTERVAL_MS',
      'FLUSH_ROWS',
      'LOG_QUEUE_BYTES_MAX',
      'LOG_SEGMENT_BYTES_MAX',
      'MERGE_FILES_MIN',
      'PARTITIONS_MAX',
      'QUARANTINE_HOURS',
      'RESULT_ROWS_MAX',
      'RETAIN_SNAPSHOTS_HOURS',
      'SCRUB_BYTES_PER_SECOND',
      'SCRUB_INTERVAL_HOURS',
      'SEARCH_QUEUE_MAX',
      'UNFLUSHED_BYTES_MAX',
      'UNFLUSHED_ROWS_MAX',
      'WRITER_MEMORY_BYTES_MAX',
    ],
    given: {
      ...ofEvery.given,
      DATA_PATH: folder,
      DUCKDB_MEMORY_LIMIT: 'spec.limits.memory of a Tenant',
      KUBERNETES_SERVICE_HOST: address,
      LOG_BYTES_MAX: 'spec.storage.log.size of a Tenant',
      LOG_PATH: folder,
      MAX_CONCURRENT_SEARCHES: 'spec.limits.maxConcurrentSearches of a Tenant',
      MEMORY_BYTES_MAX: 'spec.resources.limits.memory of a Tenant',
      METADATA_CATALOG_URL: address,
      NODE_URL: address,
      RESULT_BYTES_MAX: 'spec.limits.resultBytesMax of a Tenant',
      SPILL_BYTES_MAX: 'spec.storage.spill.size of a Tenant',
      SPILL_PATH: folder,
      STATEMENT_TIMEOUT_SECONDS: 'spec.limits.statementTimeoutSeconds of a Tenant',
      TENANT_ID: 'the name of a Tenant',
      TENANT_NAME: 'spec.displayName of a Tenant',
      WAL_RETENTION_HOURS: 'spec.wal.retentionHours of a Tenant',
    },
    moved: {},
  },
  operator: {
    own: ['LEADER_ELECTION', 'LOG_LEVEL', 'WATCH_NAMESPACES'],
    given: {
      HOST: address,
      HYBRIDSTORE_VERSION: ofEvery.given.HYBRIDSTORE_VERSION,
      JWKS_FILE: keys,
      KUBECONFIG: address,
      METRICS_PORT: ofEvery.given.METRICS_PORT,
      OWNER_NAME: 'a name that the chart gives',
      POD_NAME: ofEvery.given.POD_NAME,
      POD_NAMESPACE: 'the namespace of the pod',
      PORT: address,
      PROBE_PORT: address,
      PROMETHEUS_NAMESPACE_LABEL: 'prometheus.namespaceLabel of the chart',
      PROMETHEUS_POD_LABEL: 'prometheus.podLabel of the chart',
      PROMETHEUS_URL: 'prometheus.url of the chart',
      SERVICES_IMAGE: 'image.services of the chart',
      SETTINGS_FILE: 'the values of the chart',
    },
    moved: {},
  },
} as const satisfies Readonly<Record<ServiceName, ProcessVariables>>;

type Known = typeof processVariables;
type NamesOf<Variables extends ProcessVariables> =
  | Variables['own'][number]
  | (keyof Variables['given'] & string)
  | (keyof Variables['moved'] & string);
export type VariableName = { [Service in keyof Known]: NamesOf<Known[Service]> }[keyof Known];

/**
 * What every pod of a service has from the operator, whatever its `env` says, beside where the same is said: twice in a pod
 * the API server would refuse it, and a level of logs would go no further than the file that is followed.
 */
export const podVariables = {
  JWKS_FILE: keys,
  LOG_LEVEL: ofEvery.given.LOG_LEVEL_FILE,
  LOG_LEVEL_FILE: ofEvery.given.LOG_LEVEL_FILE,
  METRICS_PORT: ofEvery.given.METRICS_PORT,
  POD_IP: 'the address of the pod',
  POD_NAME: ofEvery.given.POD_NAME,
  POD_NAMESPACE: 'the namespace of the pod',
  PROBE_PORT: ofEvery.given.PROBE_PORT,
  SERVICE_SECRET_FILE: keys,
} as const;

/** Of every pod that the operator makes, besides what the table above says. */
const ofEveryPod: ReadonlySet<string> = new Set(['CONFIG_FILE', 'LOG_LEVEL', 'POD_IP', 'POD_NAMESPACE']);

/** Whether the operator sets a variable in the pods of a service, or it does nothing there, so that people may not set it beside. */
export function isGivenVariable(service: ServiceName, name: string): boolean {
  return ofEveryPod.has(name) || placeOf(service, name) !== undefined;
}

/** Names of every variable that a process reads, whether or not it does something. */
export function variableNamesOf(service: ServiceName): readonly string[] {
  const { own, given, moved } = processVariables[service];
  return [...own, ...Object.keys(given), ...Object.keys(moved)];
}

/** Processes for which a variable is one that people set. */
export function readersOf(name: string): readonly ServiceName[] {
  const services = Object.keys(processVariables) as ServiceName[]; // the keys of a Record of names
  return services.filter((service) => (processVariables[service].own as readonly string[]).includes(name));
}

/** Where the same is said that a process is given by what runs it, or that moved elsewhere; undefined for any other name. */
export function placeOf(service: ServiceName, name: string): string | undefined {
  const { given, moved }: ProcessVariables = processVariables[service];
  if (Object.hasOwn(moved, name)) return moved[name];
  return Object.hasOwn(given, name) ? given[name] : undefined;
}
