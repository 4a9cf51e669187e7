import type { CompactionPolicyDefinition, SourceDefinition } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import type { CompactionBounds } from './compaction-decision.ts';
import { parseWindow } from './compaction-window.ts';

/** What applies to tenants without a policy of their own. */
export type CompactionDefaults = {
  readonly enabled: boolean;
  readonly intervalMinutes: number;
  readonly fileSizeMinMb: number;
  readonly fileSizeMaxMb: number;
};

const mebibyte = 1_048_576;
/** The node takes no smaller bound for a merged file. */
const fileBytesMaxMin = mebibyte;
const snapshotHoursDefault = 24;

export function defaultPolicy(tenantId: string, defaults: CompactionDefaults): CompactionPolicyDefinition {
  return {
    policy_id: `default:${tenantId}`,
    tenant_id: tenantId,
    enabled: defaults.enabled,
    interval_minutes: defaults.intervalMinutes,
    min_file_size_mb: defaults.fileSizeMinMb,
    max_file_size_mb: defaults.fileSizeMaxMb,
    max_concurrent: 1,
    retain_snapshots_hours: snapshotHoursDefault,
  };
}

/** Policies in force for a tenant: its own, or the default one when it has none. */
export function policiesInForce(
  tenantId: string,
  own: readonly CompactionPolicyDefinition[],
  defaults: CompactionDefaults,
): readonly CompactionPolicyDefinition[] {
  return own.length > 0 ? own : [defaultPolicy(tenantId, defaults)];
}

/**
 * The one policy of a source: one that names it goes before one for all sources, then the first by id, so that two
 * policies never merge the same table. Undefined when no policy covers it.
 */
export function policyOfSource(
  policies: readonly CompactionPolicyDefinition[],
  sourceId: string,
): CompactionPolicyDefinition | undefined {
  const byId = [...policies].sort((a, b) => (a.policy_id < b.policy_id ? -1 : 1));
  return (
    byId.find((policy) => policy.source_ids?.includes(sourceId)) ??
    byId.find((policy) => (policy.source_ids ?? []).length === 0)
  );
}

/** Bounds for one source in bytes. A source's own file size is never exceeded. */
export function boundsOf(
  policy: Pick<CompactionPolicyDefinition, 'min_file_size_mb' | 'max_file_size_mb'>,
  definition: Pick<SourceDefinition, 'max_file_size_mb'>,
): CompactionBounds {
  const fileSizeMaxMb = Math.min(policy.max_file_size_mb, definition.max_file_size_mb ?? Number.POSITIVE_INFINITY);
  const fileBytesMax = Math.max(fileBytesMaxMin, Math.floor(fileSizeMaxMb * mebibyte));
  return { fileBytesMin: Math.min(Math.floor(policy.min_file_size_mb * mebibyte), fileBytesMax), fileBytesMax };
}

/** What the schema cannot say. Throws `invalid_request` naming the field. */
export function requireValidPolicy(policy: CompactionPolicyDefinition): void {
  if (policy.min_file_size_mb > policy.max_file_size_mb)
    throw new HybridStoreError(
      'invalid_request',
      `min_file_size_mb: expected at most max_file_size_mb (${policy.max_file_size_mb}), found ${policy.min_file_size_mb}`,
      { field: 'min_file_size_mb', expected: `at most ${policy.max_file_size_mb}`, actual: policy.min_file_size_mb },
    );
  if (policy.window !== undefined && parseWindow(policy.window) === undefined)
    throw new HybridStoreError(
      'invalid_request',
      `window: expected a cron expression of five fields (minute hour day month weekday), found ${JSON.stringify(policy.window.slice(0, 100))}`,
      { field: 'window', expected: 'a cron expression of five fields' },
    );
}
