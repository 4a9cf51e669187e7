import { type AdmissionBounds, type Environment, readTenantUrlTemplate, wrongVariable } from '@hybridstore/runtime';
import type { TimeoutBounds } from './domain/deadline.ts';

export type OperationConfig = {
  readonly interpreterUrl: string;
  readonly optimizerUrl: string;
  readonly tenantUrlTemplate: string;
  /** Its host names every replica of this service; undefined: this process is the only one. */
  readonly replicasUrl: string | undefined;
  /** Of this process, among the addresses of the replicas. */
  readonly ownAddress: string | undefined;
  readonly admission: AdmissionBounds;
  readonly timeouts: TimeoutBounds;
  readonly optimizeMsMax: number;
};

const secondsMax = 3_600;

/** Reads and checks every variable of this service; a wrong one is refused by name. */
export function readConfig(environment: Environment): OperationConfig {
  checkScaling(environment);
  return {
    interpreterUrl: environment.url('QUERY_INTERPRETER_URL', 'http://query-interpreter:8085'),
    optimizerUrl: environment.url('CBO_ENGINE_URL', 'http://cbo-engine:8082'),
    tenantUrlTemplate: readTenantUrlTemplate(environment),
    replicasUrl: environment.optional('REPLICAS_URL') === undefined ? undefined : environment.url('REPLICAS_URL'),
    ownAddress: environment.optional('POD_IP'),
    admission: readAdmission(environment),
    timeouts: readTimeouts(environment),
    optimizeMsMax: environment.integer('OPTIMIZE_TIMEOUT_MS', { fallback: 1_000, min: 1, max: 60_000 }),
  };
}

function readAdmission(environment: Environment): AdmissionBounds {
  const places = { min: 1, max: 10_000 };
  const lengths = { min: 0, max: 100_000 };
  return {
    runningMax: environment.integer('MAX_CONCURRENT_QUERIES', { fallback: 64, ...places }),
    runningPerTenantMax: environment.integer('MAX_CONCURRENT_QUERIES_PER_TENANT', { fallback: 10, ...places }),
    waitingMax: environment.integer('QUEUE_LENGTH_MAX', { fallback: 1_000, ...lengths }),
    waitingPerTenantMax: environment.integer('QUEUE_LENGTH_PER_TENANT_MAX', { fallback: 200, ...lengths }),
  };
}

function readTimeouts(environment: Environment): TimeoutBounds {
  const bounds = { min: 0.001, max: secondsMax };
  const maxSeconds = environment.number('STATEMENT_TIMEOUT_SECONDS_MAX', { fallback: 600, ...bounds });
  const defaultSeconds = environment.number('STATEMENT_TIMEOUT_SECONDS', { fallback: 60, ...bounds });
  if (defaultSeconds > maxSeconds)
    throw wrongVariable(
      'STATEMENT_TIMEOUT_SECONDS',
      `at most STATEMENT_TIMEOUT_SECONDS_MAX (${maxSeconds})`,
      String(defaultSeconds),
    );
  return { defaultMs: defaultSeconds * 1_000, maxMs: maxSeconds * 1_000 };
}

/** The operator scales; what an older system read here is still checked. */
function checkScaling(environment: Environment): void {
  environment.boolean('AUTO_SCALING_ENABLED', true);
  const workers = { min: 1, max: 10_000 };
  const minWorkers = environment.integer('MIN_WORKERS', { fallback: 2, ...workers });
  const maxWorkers = environment.integer('MAX_WORKERS', { fallback: 50, ...workers });
  if (minWorkers > maxWorkers)
    throw wrongVariable('MIN_WORKERS', `at most MAX_WORKERS (${maxWorkers})`, String(minWorkers));
  const percent = { min: 1, max: 100 };
  const up = environment.number('SCALE_UP_THRESHOLD_CPU', { fallback: 70, ...percent });
  const down = environment.number('SCALE_DOWN_THRESHOLD_CPU', { fallback: 30, ...percent });
  if (down >= up)
    throw wrongVariable('SCALE_DOWN_THRESHOLD_CPU', `less than SCALE_UP_THRESHOLD_CPU (${up})`, String(down));
}
