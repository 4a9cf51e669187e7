import { type CatalogStats, metadataCatalog } from '@hybridstore/contracts';
import { maySource, requireTenant, type Server } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { Catalog } from '../domain/catalog.ts';
import { boundsOf, type CompactionDefaults, defaultPolicy, policyOfSource } from '../domain/compaction-policy.ts';
import type { CatalogStore } from '../domain/ports.ts';

export type StatsParts = {
  readonly catalog: Catalog;
  readonly store: CatalogStore;
  readonly defaults: CompactionDefaults;
};

/** Totals over the sources that the caller may read. */
export function routeStats(server: Server, parts: StatsParts): void {
  server.route(metadataCatalog.stats, async (_request, _reply, { caller }): Promise<CatalogStats> => {
    assert(caller, 'the endpoint needs a token');
    const tenantId = requireTenant(caller.claims);
    const sources = (await parts.catalog.sources(tenantId)).filter((source) =>
      maySource(caller.claims, 'read', source.source_id),
    );
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
  });
}
