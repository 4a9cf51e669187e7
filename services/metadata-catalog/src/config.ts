import { type Environment, readTenantUrlTemplate, wrongVariable } from '@hybridstore/runtime';
import type { CompactionDefaults } from './domain/compaction-policy.ts';

export type CatalogConfig = {
  readonly dataPath: string;
  readonly tenantUrlTemplate: string;
  readonly compaction: CompactionDefaults;
  readonly compactionMsMax: number;
  readonly compactionsConcurrentMax: number;
  readonly refreshMsMax: number;
  readonly refreshIntervalMs: number;
  readonly indexCellsMax: number;
};

/** Reads and checks every variable of this service; a wrong one is refused by name. */
export function readConfig(environment: Environment): CatalogConfig {
  return {
    dataPath: environment.text('DATA_PATH', './data'),
    tenantUrlTemplate: readTenantUrlTemplate(environment),
    compaction: readCompaction(environment),
    compactionMsMax: 1_000 * environment.integer('COMPACTION_TIMEOUT_SECONDS', { fallback: 900, min: 1, max: 86_400 }),
    compactionsConcurrentMax: environment.integer('COMPACTIONS_CONCURRENT_MAX', { fallback: 4, min: 1, max: 256 }),
    refreshMsMax: 1_000 * environment.integer('REFRESH_TIMEOUT_SECONDS', { fallback: 30, min: 1, max: 600 }),
    refreshIntervalMs: 1_000 * environment.integer('REFRESH_INTERVAL_SECONDS', { fallback: 60, min: 1, max: 86_400 }),
    indexCellsMax: environment.integer('INDEX_CELLS_MAX', { fallback: 1_000_000, min: 1_000, max: 100_000_000 }),
  };
}

function readCompaction(environment: Environment): CompactionDefaults {
  const sizes = { min: 0.001, max: 1_048_576 };
  const defaults = {
    enabled: environment.boolean('AUTO_COMPACTION_ENABLED', true),
    intervalMinutes: environment.number('COMPACTION_INTERVAL_MINUTES', { fallback: 60, min: 0.1, max: 525_600 }),
    fileSizeMinMb: environment.number('MIN_FILE_SIZE_MB', { fallback: 50, ...sizes }),
    fileSizeMaxMb: environment.number('MAX_FILE_SIZE_MB', { fallback: 512, ...sizes }),
  };
  if (defaults.fileSizeMinMb > defaults.fileSizeMaxMb)
    throw wrongVariable(
      'MIN_FILE_SIZE_MB',
      `at most MAX_FILE_SIZE_MB (${defaults.fileSizeMaxMb})`,
      String(defaults.fileSizeMinMb),
    );
  return defaults;
}
