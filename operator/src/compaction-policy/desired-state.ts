import type { CompactionPolicyDefinition, CompactionPolicySpec } from '@hybridstore/contracts';
import type { ObjectKey } from '@hybridstore/controller-runtime';
import { type TenantKey, tenantIdOf } from '../resources/names.ts';
import { coversNothing } from './decide.ts';
import type { PolicyWorld } from './world.ts';

/** How the catalog names a policy. */
export function policyIdOf({ namespace = '', name }: ObjectKey): string {
  return `${namespace}/${name}`;
}

/** The policy in the words of the catalog. */
export function buildPolicyDefinition(
  key: ObjectKey,
  tenant: TenantKey,
  spec: CompactionPolicySpec,
  world: PolicyWorld,
): CompactionPolicyDefinition {
  return {
    policy_id: policyIdOf(key),
    tenant_id: tenantIdOf(tenant),
    ...(world.sourceIds === undefined || world.sourceIds.length === 0 ? {} : { source_ids: [...world.sourceIds] }),
    enabled: spec.enabled && !coversNothing(world),
    interval_minutes: spec.intervalMinutes,
    min_file_size_mb: spec.minFileSizeMB,
    max_file_size_mb: spec.maxFileSizeMB,
    ...(spec.window === undefined ? {} : { window: spec.window }),
    max_concurrent: spec.maxConcurrent,
    retain_snapshots_hours: spec.retainSnapshotsHours,
  };
}
