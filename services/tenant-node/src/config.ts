import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { tenantIdPattern } from '@hybridstore/contracts';
import { defaultLimits, type EngineLimits } from '@hybridstore/engine';
import { type Environment, type VariableName, wrongVariable } from '@hybridstore/runtime';
import { type MemoryShares, shareMemory } from './domain/memory-shares.ts';
import type { QueryLimits } from './domain/query-runner.ts';

export type TenantNodeConfig = {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly pod: string;
  /** Where the other members reach this node. */
  readonly url: string;
  /** Shared by all nodes of the tenant. */
  readonly dataPath: string;
  /** This node's own volume. */
  readonly logPath: string;
  readonly engine: EngineLimits;
  readonly catalogUrl: string | undefined;
  readonly limits: QueryLimits;
  readonly executor: {
    readonly memoryLimit: string;
    readonly threads: number;
    readonly dataKibMax: number | undefined;
  };
  /** Where statements put what does not fit into memory; undefined: nowhere. */
  readonly spill: { readonly path: string; readonly bytesMax: number } | undefined;
  /** In a pod the container's own cgroup counts its CPU time; elsewhere the processes are summed up. */
  readonly isPod: boolean;
};

export const defaultPort = 8000;
const gibibyte = 1024 ** 3;
/** Code, stacks and heap of the child beside what DuckDB itself accounts for. */
const executorBytesOver = 2 * gibibyte;

/** Variables: services/tenant-node/README.md. Throws naming the variable that is wrong. */
export function readConfig(environment: Environment): TenantNodeConfig {
  const pod = environment.text('POD_NAME', 'tenant-node-0');
  const { executorBytes, writerBytes } = readMemoryShares(environment);
  const limits = readLimits(environment, executorBytes);
  return {
    tenantId: readTenantId(environment),
    tenantName: environment.text('TENANT_NAME', 'Default Tenant'),
    pod,
    url: readUrl(environment, pod),
    dataPath: resolve(environment.text('DATA_PATH', './data')),
    logPath: resolve(environment.text('LOG_PATH', './log')),
    engine: { ...readEngineLimits(environment, limits.statementMsMax), writerMemoryBytesMax: writerBytes },
    catalogUrl: environment.optional('METADATA_CATALOG_URL') && environment.url('METADATA_CATALOG_URL'),
    limits,
    executor: {
      memoryLimit: `${executorBytes}B`,
      threads: environment.integer('EXECUTOR_THREADS', { fallback: availableParallelism(), min: 1, max: 256 }),
      dataKibMax: environment.boolean('EXECUTOR_ULIMIT', true)
        ? Math.ceil((executorBytes + executorBytesOver) / 1024)
        : undefined,
    },
    spill: readSpill(environment),
    isPod: environment.optional('KUBERNETES_SERVICE_HOST') !== undefined,
  };
}

export function readTenantId(environment: Environment): string {
  const tenantId = environment.text('TENANT_ID', 'default/default-tenant');
  if (!new RegExp(tenantIdPattern).test(tenantId)) throw wrongVariable('TENANT_ID', 'namespace/name', tenantId);
  return tenantId;
}

/** `{pod}` stands for the pod's name, so that one template serves a StatefulSet. */
function readUrl(environment: Environment, pod: string): string {
  const host = environment.text('HOST', '127.0.0.1');
  const port = environment.integer('PORT', { fallback: defaultPort, min: 0, max: 65_535 });
  const own = `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
  const url = environment.text('NODE_URL', own).replaceAll('{pod}', pod);
  if (!URL.canParse(url)) throw wrongVariable('NODE_URL', 'a URL, {pod} standing for the pod', url);
  return url.replace(/\/$/, '');
}

function readSpill(environment: Environment): TenantNodeConfig['spill'] {
  const bytesMax = environment.integer('SPILL_BYTES_MAX', { fallback: 4 * gibibyte, min: 0, max: 1024 * gibibyte });
  const path = environment.optional('SPILL_PATH');
  return path === undefined || bytesMax === 0 ? undefined : { path: resolve(path), bytesMax };
}

function readLimits(environment: Environment, memoryBytesMax: number): QueryLimits {
  return {
    concurrentMax: environment.integer('MAX_CONCURRENT_SEARCHES', { fallback: 10, min: 1, max: 1_000 }),
    waitingMax: environment.integer('SEARCH_QUEUE_MAX', { fallback: 100, min: 0, max: 100_000 }),
    statementMsMax: 1_000 * environment.number('STATEMENT_TIMEOUT_SECONDS', { fallback: 60, min: 0.001, max: 3_600 }),
    resultRowsMax: environment.integer('RESULT_ROWS_MAX', { fallback: 10_000_000, min: 1, max: 1_000_000_000 }),
    resultBytesMax: environment.integer('RESULT_BYTES_MAX', { fallback: gibibyte, min: 1, max: 1024 * gibibyte }),
    memoryBytesMax,
  };
}

type WholeNumber = { readonly limit: keyof EngineLimits; readonly min: number; readonly max: number };

/** Variables of the engine that are whole numbers; their defaults are those of the engine. */
const engineVariables = {
  FLUSH_INTERVAL_MS: { limit: 'flushIntervalMs', min: 10, max: 3_600_000 },
  FLUSH_ROWS: { limit: 'flushRows', min: 1, max: 10_000_000 },
  FLUSH_BYTES: { limit: 'flushBytes', min: 1_024, max: gibibyte },
  UNFLUSHED_ROWS_MAX: { limit: 'unflushedRowsMax', min: 1, max: 10_000_000 },
  UNFLUSHED_BYTES_MAX: { limit: 'unflushedBytesMax', min: 1_024, max: 4 * gibibyte },
  PARTITIONS_MAX: { limit: 'partitionsMax', min: 1, max: 1_000_000 },
  LOG_SEGMENT_BYTES_MAX: { limit: 'logSegmentBytesMax', min: 4_096, max: gibibyte },
  LOG_QUEUE_BYTES_MAX: { limit: 'logQueueBytesMax', min: 4_096, max: gibibyte },
  LOG_BYTES_MAX: { limit: 'logBytesMax', min: 4_096, max: 1024 * gibibyte },
  BATCH_IDS_MAX: { limit: 'batchIdsMax', min: 1, max: 10_000_000 },
  COMMITS_PER_CHECKPOINT: { limit: 'commitsPerCheckpoint', min: 1, max: 10_000 },
  MERGE_FILES_MIN: { limit: 'mergeFilesMin', min: 0, max: 10_000 },
  QUARANTINE_HOURS: { limit: 'quarantineHours', min: 0, max: 87_600 },
  SCRUB_BYTES_PER_SECOND: { limit: 'scrubBytesPerSecond', min: 1_024, max: 1024 * gibibyte },
  SCRUB_INTERVAL_HOURS: { limit: 'scrubIntervalHours', min: 1, max: 8_760 },
  RETAIN_SNAPSHOTS_HOURS: { limit: 'retainSnapshotsHours', min: 0, max: 87_600 },
} as const satisfies Readonly<Partial<Record<VariableName, WholeNumber>>>;
type EngineVariable = keyof typeof engineVariables;

/** A query on another node may have begun just before a file was replaced. */
const replacedFileMsOver = 60_000;

function readEngineLimits(environment: Environment, statementMsMax: number): EngineLimits {
  const limits: Record<keyof EngineLimits, number> = { ...defaultLimits };
  const named = Object.entries(engineVariables) as [EngineVariable, WholeNumber][]; // its own keys
  for (const [name, { limit, min, max }] of named)
    limits[limit] = environment.integer(name, { fallback: defaultLimits[limit], min, max });
  requireAtLeast(limits, 'UNFLUSHED_ROWS_MAX', 'FLUSH_ROWS');
  requireAtLeast(limits, 'UNFLUSHED_BYTES_MAX', 'FLUSH_BYTES');
  return {
    ...limits,
    batchIdRetentionHours: environment.number('BATCH_ID_RETENTION_HOURS', {
      fallback: defaultLimits.batchIdRetentionHours,
      min: 0.01,
      max: 8_760,
    }),
    logRetentionHours: environment.number('WAL_RETENTION_HOURS', {
      fallback: defaultLimits.logRetentionHours,
      min: 0,
      max: 87_600,
    }),
    replacedFileGraceMs: Math.max(defaultLimits.replacedFileGraceMs, statementMsMax + replacedFileMsOver),
  };
}

/** Writes would be refused before a flush is due. */
function requireAtLeast(limits: EngineLimits, name: EngineVariable, other: EngineVariable): void {
  const [value, least] = [limits[engineVariables[name].limit], limits[engineVariables[other].limit]];
  if (value < least) throw wrongVariable(name, `at least ${other}, which is ${least}`, String(value));
}

const memoryUnits: Readonly<Record<string, number>> = {
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: gibibyte,
};

/** What is asked for each engine, which gets it where the pod has room for it. */
function readMemoryShares(environment: Environment): MemoryShares {
  const podBytesMax = environment.optional('MEMORY_BYTES_MAX');
  const asked = {
    executorBytes: readMemoryLimit(environment),
    writerBytes: environment.integer('WRITER_MEMORY_BYTES_MAX', {
      fallback: defaultLimits.writerMemoryBytesMax,
      min: 64 * 1024 ** 2,
      max: 64 * gibibyte,
    }),
  };
  const bounds = { min: 64 * 1024 ** 2, max: 64 * 1024 * gibibyte };
  return shareMemory(asked, podBytesMax === undefined ? undefined : environment.integer('MEMORY_BYTES_MAX', bounds));
}

/** Bytes; as DuckDB writes it, `512MB` or `2GiB`. */
function readMemoryLimit(environment: Environment): number {
  const text = environment.text('DUCKDB_MEMORY_LIMIT', '1GB');
  const match = /^(\d{1,9}(?:\.\d{1,3})?) ?(KB|MB|GB|KiB|MiB|GiB)$/i.exec(text);
  const unit = memoryUnits[match?.[2]?.toUpperCase() ?? ''];
  if (!match || unit === undefined) throw wrongVariable('DUCKDB_MEMORY_LIMIT', 'a size such as 512MB or 2GiB', text);
  return Math.floor(Number(match[1]) * unit);
}
