import type { CompactionPolicySpec } from '@hybridstore/contracts';
import type { ClusterView } from '@hybridstore/controller-runtime';
import { parseDataSource } from '../data-source/parse.ts';
import { type DataSource, dataSources, tenants } from '../resources/custom-resources.ts';
import type { TenantKey } from '../resources/names.ts';
import type { PolicyWorld } from './world.ts';

export async function observePolicy(
  view: ClusterView,
  tenant: TenantKey,
  spec: CompactionPolicySpec,
): Promise<PolicyWorld> {
  const ofTenant = await view.list(dataSources, { namespace: tenant.namespace, ofParent: tenant.name });
  const { sourceIds, matchLabels } = spec.sourceSelector ?? {};
  const labelled = ofTenant.filter((source) =>
    Object.entries(matchLabels ?? {}).every(([key, value]) => source.metadata.labels?.[key] === value),
  );
  return {
    tenant: await view.get(tenants, tenant),
    sourceIds: matchLabels === undefined ? sourceIds : labelled.flatMap(readSourceId).sort(),
    declared: ofTenant.length,
  };
}

/** A source that is refused has no table, and must not make the catalog refuse the policy. */
function readSourceId(source: DataSource): readonly string[] {
  const parsed = parseDataSource(source);
  return parsed.kind === 'valid' ? [parsed.spec.sourceId] : [];
}
