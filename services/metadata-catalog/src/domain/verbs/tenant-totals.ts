import type { CatalogStats } from '@hybridstore/contracts';
import type { TenantCaller } from '@hybridstore/runtime';
import type { Catalog } from '../catalog.ts';
import { boundsOf, type CompactionDefaults, defaultPolicy, policyOfSource } from '../compaction-policy.ts';
import type { CatalogStore } from '../ports.ts';
import { listReadable } from './list-sources.ts';

export type TotalsParts = {
  readonly catalog: Catalog;
  readonly store: CatalogStore;
  readonly defaults: CompactionDefaults;
};

/** Totals over the sources that the caller may read. */
export async function tenantTotals(parts: TotalsParts, caller: TenantCaller): Promise<CatalogStats> {
  const tenantId = caller.tenant;
  const sources = await listReadable(parts.catalog, caller);
  const tenant = await parts.store.tenant(tenantId);
  const policies = await parts.store.policies(tenantId);
  const fallback = defaultPolicy(tenantId, parts.defaults);
  let smallFiles = 0;
  for (const source of sources) {
    const bounds = boundsOf(policyOfSource(policies, source.source_id) ?? fallback, source.definition);
    smallFiles += await parts.store.countFiles(tenantId, source.source_id, bounds.fileBytesMin);
  }
  return {
    tenants: tenant ? 1 : 0,
    sources: sources.length,
    files: sources.reduce((sum, source) => sum + source.files, 0),
    rows: sources.reduce((sum, source) => sum + source.rows, 0),
    bytes: sources.reduce((sum, source) => sum + source.bytes, 0),
    small_files: smallFiles,
    policies: policies.length,
    compactions: await parts.store.countCompactions(tenantId),
    last_refresh_at: tenant?.lastRefreshAtMs == null ? null : new Date(tenant.lastRefreshAtMs).toISOString(),
  };
}
